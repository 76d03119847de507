#!/bin/bash
# An abstract socket name works.
. "$(dirname "$0")/lib.sh"

write_code
export SCCACHE_SERVER_UDS="\\x00sccache-test-$$"
expect_miss sccache gcc -c a.c -o 1.o
expect_hit sccache gcc -c a.c -o 2.o
[ -n "$(server_pid)" ] || fail "nobody listens on the abstract name"
expect_same 1.o 2.o
