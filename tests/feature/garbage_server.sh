#!/bin/bash
# A server that talks nonsense, or closes at once, harms no compile.
. "$(dirname "$0")/lib.sh"

write_code
gcc -c a.c -o plain.o
for behaviour in close garbage hang_up_later; do
    rm -f "$SCCACHE_SERVER_UDS"
    python3 - "$SCCACHE_SERVER_UDS" $behaviour <<'PY' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(64)
open(sys.argv[1] + ".ready", "w")
while True:
    c, _ = s.accept()
    if sys.argv[2] == "garbage":
        c.sendall(os.urandom(4096))
    elif sys.argv[2] == "hang_up_later":
        c.recv(100)
    c.close()
PY
    fake=$!
    for _ in $(seq 100); do [ -e "$SCCACHE_SERVER_UDS.ready" ] && break; sleep 0.05; done
    rm -f out.o
    expect_rc 0 timeout 20 sccache gcc -c a.c -o out.o
    expect_same plain.o out.o
    kill $fake
    wait $fake 2>/dev/null || true
    rm -f "$SCCACHE_SERVER_UDS.ready" "$SCCACHE_SERVER_UDS"*
done
