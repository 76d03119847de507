#!/bin/bash
# Ctrl-C ends the compiler and us, by the signal, and leaves no object and no process.
. "$(dirname "$0")/lib.sh"

cat >slow <<'S'
#!/bin/sh
case " $* " in *" -c "*) echo $$ >slow.pid; exec sleep 60 ;; esac
exec gcc "$@"
S
chmod +x slow
write_code
python3 - <<'PY'
import os, signal, subprocess, time
p = subprocess.Popen(["sccache", "./slow", "-c", "a.c", "-o", "1.o"], start_new_session=True, stderr=subprocess.DEVNULL,
                     preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # ignored in background jobs of a shell
for _ in range(200):
    if os.path.exists("slow.pid") and open("slow.pid").read().strip():
        break
    time.sleep(0.05)
child = int(open("slow.pid").read())
os.killpg(p.pid, signal.SIGINT)
rc = p.wait(timeout=10)
assert rc == -signal.SIGINT, rc
time.sleep(0.2)
assert not os.path.exists(f"/proc/{child}") or open(f"/proc/{child}/stat").read().split()[2] == "Z", "compiler lives"
PY
expect_no_file 1.o
expect_miss sccache gcc -c a.c -o 2.o
