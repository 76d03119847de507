#!/bin/bash
# -march=native is expanded: the result is right and is a hit.
. "$(dirname "$0")/lib.sh"

write_code
gcc -O2 -march=native -c a.c -o plain.o
expect_miss sccache gcc -O2 -march=native -c a.c -o 1.o
expect_hit sccache gcc -O2 -march=native -c a.c -o 2.o
expect_same plain.o 1.o
expect_same plain.o 2.o
