#!/bin/bash
# -MD without -MF beside -o in a directory, and without -o.
. "$(dirname "$0")/lib.sh"

mkdir sub
write_code
for flags in "-MD" "-MMD"; do
    gcc $flags -c a.c -o sub/x.o
    mv sub/x.d plain.dep
    expect_miss sccache gcc $flags -c a.c -o sub/x.o
    expect_same plain.dep sub/x.d
    rm sub/x.d
    expect_hit sccache gcc $flags -c a.c -o sub/x.o
    expect_same plain.dep sub/x.d
    gcc $flags -c a.c
    mv a.d plain.dep
    sccache gcc $flags -c a.c
    expect_same plain.dep a.d
done
