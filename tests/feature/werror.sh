#!/bin/bash
# -Werror fails each time; -w is silent each time.
. "$(dirname "$0")/lib.sh"

echo 'int f(void) { int unused; return 1; }' >a.c
sleep 0.02
expect_rc 1 sccache gcc -Wall -Werror -c a.c -o 1.o
expect_rc 1 sccache gcc -Wall -Werror -c a.c -o 1.o
expect_no_file 1.o
expect_stat cache_hits 0
expect_miss sccache gcc -Wall -w -c a.c -o 2.o
expect_rc 0 sccache gcc -Wall -w -c a.c -o 2.o
[ ! -s "$T/err" ] || fail "said: $(cat "$T/err")"
