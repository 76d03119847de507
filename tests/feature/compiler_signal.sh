#!/bin/bash
# A compiler that dies by a signal makes us die by the same signal.
. "$(dirname "$0")/lib.sh"

cat >dies <<'S'
#!/bin/sh
case " $* " in *" -c "*) kill -SEGV $$ ;; esac
exec gcc "$@"
S
chmod +x dies
write_code
status=0
(ulimit -c 0; exec python3 -c '
import subprocess, sys
sys.exit(0 if subprocess.run(["sccache", "./dies", "-c", "a.c", "-o", "1.o"]).returncode == -11 else 1)') || status=$?
[ $status = 0 ] || fail "not ended by SIGSEGV"
expect_no_file 1.o
expect_stat cache_writes 0
