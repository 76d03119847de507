#!/bin/bash
# SCCACHE_NO_CACHE neither looks up nor stores.
. "$(dirname "$0")/lib.sh"

write_code
SCCACHE_NO_CACHE=1 sccache gcc -c a.c -o 1.o
expect_stat cache_writes 0
expect_miss sccache gcc -c a.c -o 2.o
SCCACHE_NO_CACHE=1 sccache gcc -c a.c -o 3.o
expect_stat cache_hits 0
expect_same 1.o 3.o
