#!/bin/bash
# Entries are whole on disk when the client returns: a copy of the cache hits elsewhere.
. "$(dirname "$0")/lib.sh"

for i in 1 2 3 4 5 6; do printf 'int f%s(void) { return %s; }\n' $i $i >a$i.c; done
sleep 0.02
for i in 1 2 3 4 5 6; do sccache gcc -c a$i.c -o $i.o; done
tar -cf cache.tar -C "$SCCACHE_DIR" .
sccache --stop-server >/dev/null
mkdir -m 700 "$T/copy"
tar -xf cache.tar -C "$T/copy"
export SCCACHE_DIR=$T/copy
for i in 1 2 3 4 5 6; do expect_hit sccache gcc -c a$i.c -o again.o; expect_same $i.o again.o; done
