#!/bin/bash
# Without HOME and without a runtime directory the compile is right.
. "$(dirname "$0")/lib.sh"

write_code
gcc -c a.c -o plain.o
env -u HOME -u XDG_RUNTIME_DIR -u SCCACHE_DIR sccache gcc -c a.c -o 1.o
env -i PATH="$PATH" SCCACHE_SERVER_UDS="$SCCACHE_SERVER_UDS" SCCACHE_DIR="$SCCACHE_DIR" "$T/bin/sccache" gcc -c a.c -o 2.o
HOME=/nonexistent XDG_RUNTIME_DIR=/nonexistent sccache gcc -c a.c -o 3.o
for i in 1 2 3; do expect_same plain.o $i.o; done
