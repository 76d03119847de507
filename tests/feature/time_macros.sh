#!/bin/bash
# __TIME__ without SOURCE_DATE_EPOCH is never served from the cache; __TIMESTAMP__ follows the file.
. "$(dirname "$0")/lib.sh"

echo 'const char *t = __TIME__;' >a.c
echo 'const char *t = __TIMESTAMP__;' >s.c
age a.c
age s.c "2 hours ago"
expect_rc 0 sccache gcc -c a.c -o 1.o
sleep 1.1
gcc -c a.c -o plain.o
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_stat cache_hits 0
expect_differ 1.o 2.o
expect_rc 0 sccache gcc -c s.c -o s1.o
age s.c "3 hours ago"
gcc -c s.c -o plain.o
expect_rc 0 sccache gcc -c s.c -o s2.o
expect_same plain.o s2.o
