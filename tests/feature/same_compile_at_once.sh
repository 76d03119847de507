#!/bin/bash
# The same compile many times at once gives the same object, and nothing broken is stored.
. "$(dirname "$0")/lib.sh"

write_code
gcc -g -c a.c -o plain.o
seq 40 | xargs -P 20 -I{} sccache gcc -g -c a.c -o o{}.o
for i in $(seq 40); do expect_same plain.o "o$i.o"; done
expect_hit sccache gcc -g -c a.c -o last.o
expect_same plain.o last.o
