#!/bin/bash
# DEPENDENCIES_OUTPUT is honoured.
. "$(dirname "$0")/lib.sh"

write_code
DEPENDENCIES_OUTPUT="plain.d tgt" gcc -c a.c -o plain.o
DEPENDENCIES_OUTPUT="ours.d tgt" sccache gcc -c a.c -o 1.o
expect_same plain.d ours.d
rm ours.d
DEPENDENCIES_OUTPUT="ours.d tgt" sccache gcc -c a.c -o 2.o
expect_same plain.d ours.d
expect_same plain.o 2.o
