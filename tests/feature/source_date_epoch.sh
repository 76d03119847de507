#!/bin/bash
# SOURCE_DATE_EPOCH reaches the compiler and, with __DATE__, is in the key.
. "$(dirname "$0")/lib.sh"

echo 'const char *d = __DATE__;' >a.c
echo 'int nothing;' >b.c
sleep 0.02
expect_miss env SOURCE_DATE_EPOCH=1000000000 sccache gcc -c a.c -o 1.o
expect_hit env SOURCE_DATE_EPOCH=1000000000 sccache gcc -c a.c -o 1b.o
env SOURCE_DATE_EPOCH=1000000000 gcc -c a.c -o plain.o
expect_same plain.o 1.o
expect_same plain.o 1b.o
expect_miss env SOURCE_DATE_EPOCH=1100000000 sccache gcc -c a.c -o 2.o
expect_differ 1.o 2.o
