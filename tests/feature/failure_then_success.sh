#!/bin/bash
# A source that fails and is then repaired compiles; both are right at once.
. "$(dirname "$0")/lib.sh"

echo 'int f( {' >a.c
expect_rc 1 sccache gcc -c a.c -o a.o
echo 'int f(void) { return 1; }' >a.c
sleep 0.02
expect_miss sccache gcc -c a.c -o a.o
expect_hit sccache gcc -c a.c -o a.o
