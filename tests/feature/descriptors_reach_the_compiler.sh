#!/bin/bash
# The compiler of a miss gets the build's descriptors, limits, umask and environment.
. "$(dirname "$0")/lib.sh"

cat >spy <<'S'
#!/bin/sh
case " $* " in *" -c "*) { echo "$JOB_TOKEN"; ulimit -n; umask; cat <&9; } >>"$SPY_FILE" 2>&1 ;; esac
exec gcc "$@"
S
chmod +x spy
write_code
echo token >nine
exec 9<nine
(ulimit -n 333 && umask 027 && JOB_TOKEN=t42 SPY_FILE=$PWD/seen sccache ./spy -c a.c -o 1.o)
expect_text seen t42
expect_text seen 333
expect_text seen 0027
expect_text seen token
