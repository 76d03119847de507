#!/bin/bash
# An object into a directory that does not exist fails as the compiler fails.
. "$(dirname "$0")/lib.sh"

write_code
expect_miss sccache gcc -c a.c -o 1.o
plain_rc=0
gcc -c a.c -o absent/x.o 2>plain.err || plain_rc=$?
expect_rc $plain_rc sccache gcc -c a.c -o absent/x.o
expect_text "$T/err" "absent/x.o"
