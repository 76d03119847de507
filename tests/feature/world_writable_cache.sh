#!/bin/bash
# A cache directory that others can write is not used; the build goes on.
. "$(dirname "$0")/lib.sh"

write_code
mkdir -m 777 "$T/open"
SCCACHE_DIR=$T/open expect_rc 0 sccache gcc -c a.c -o 1.o
SCCACHE_DIR=$T/open expect_rc 0 sccache gcc -c a.c -o 2.o
gcc -c a.c -o plain.o
expect_same plain.o 2.o
[ -z "$(find "$T/open" -type f)" ] || fail "something was stored: $(find "$T/open" -type f)"
