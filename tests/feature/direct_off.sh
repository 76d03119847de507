#!/bin/bash
# SCCACHE_DIRECT=false still hits and still sees a changed header.
. "$(dirname "$0")/lib.sh"

write_code
export SCCACHE_DIRECT=false
expect_miss sccache gcc -c a.c -o 1.o
expect_hit sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
printf '#define ANSWER 43\nint helper(int);\n' >h.h
sleep 0.02
gcc -c a.c -o plain.o
expect_miss sccache gcc -c a.c -o 3.o
expect_same plain.o 3.o
