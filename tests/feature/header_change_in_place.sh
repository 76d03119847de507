#!/bin/bash
# A header rewritten in place, in the same second and with the same size, is seen.
. "$(dirname "$0")/lib.sh"

write_code
for n in 1 2 3 4 5 6 7 8 9; do
    printf '#define ANSWER 4%s\nint helper(int);\n' $n >h.h
    gcc -c a.c -o plain.o
    sccache gcc -c a.c -o ours.o
    expect_same plain.o ours.o
done
