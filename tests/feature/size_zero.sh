#!/bin/bash
# A cache size of 0 stores nothing and harms nothing.
. "$(dirname "$0")/lib.sh"

write_code
export SCCACHE_CACHE_SIZE=0
expect_rc 0 sccache gcc -c a.c -o 1.o
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_stat cache_hits 0
expect_same 1.o 2.o
