#!/bin/bash
# Two hundred clients behind a barrier on a cold machine get exactly one server.
. "$(dirname "$0")/lib.sh"

write_code
mkdir out
python3 - <<'PY'
import os, subprocess, threading
n = 200
barrier = threading.Barrier(n)
bad = []
def one(i):
    barrier.wait()
    r = subprocess.run(["sccache", "gcc", "-c", "a.c", "-o", f"out/{i}.o"], capture_output=True)
    if r.returncode or r.stderr:
        bad.append((i, r.returncode, r.stderr[:200]))
threading.stack_size(256 * 1024)
threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
[t.start() for t in threads]
[t.join() for t in threads]
assert not bad, bad[:5]
PY
gcc -c a.c -o plain.o
for i in $(seq 0 199); do expect_same plain.o "out/$i.o"; done
[ "$(servers | wc -l)" = 1 ] || fail "servers: $(servers | tr '\n' ' ')"
expect_stat compile_requests 200
