#!/bin/bash
# SCCACHE_CLIENT_SIDE=1 hits without any server.
. "$(dirname "$0")/lib.sh"

write_code
export SCCACHE_CLIENT_SIDE=1
gcc -c a.c -o plain.o
expect_rc 0 sccache gcc -c a.c -o 1.o
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_same plain.o 1.o
expect_same plain.o 2.o
[ -z "$(servers)" ] || fail "a server runs"
# The entry is the same one a server uses.
unset SCCACHE_CLIENT_SIDE
expect_hit sccache gcc -c a.c -o 3.o
