#!/bin/bash
# A cache that cannot be written still gives hits, and misses compile.
. "$(dirname "$0")/lib.sh"

write_code
cp a.c b.c
echo 'int other;' >>b.c
sleep 0.02
expect_miss sccache gcc -c a.c -o 1.o
sccache --stop-server >/dev/null
export SCCACHE_LOCAL_RW_MODE=READ_ONLY
expect_hit sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
expect_rc 0 sccache gcc -c b.c -o 3.o
expect_rc 0 sccache gcc -c b.c -o 4.o
expect_stat cache_hits 1
expect_same 3.o 4.o
