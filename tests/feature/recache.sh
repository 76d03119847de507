#!/bin/bash
# SCCACHE_RECACHE compiles and stores again; the next is a hit.
. "$(dirname "$0")/lib.sh"

write_code
expect_miss sccache gcc -c a.c -o 1.o
SCCACHE_RECACHE=1 sccache gcc -c a.c -o 2.o
expect_stat forced_recaches 1
expect_stat cache_hits 0
expect_hit sccache gcc -c a.c -o 3.o
expect_same 1.o 3.o
