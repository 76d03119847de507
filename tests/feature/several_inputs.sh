#!/bin/bash
# Several inputs in one call just run.
. "$(dirname "$0")/lib.sh"

write_code
cp a.c b.c
sleep 0.02
sccache gcc -c a.c b.c
gcc -c a.c -o plain.o
expect_same a.o plain.o
expect_file b.o
expect_stat cache_misses 0
