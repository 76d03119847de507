#!/bin/bash
# A file that __has_include asked for and that appears later is seen.
. "$(dirname "$0")/lib.sh"

cat >a.c <<'C'
#if __has_include("extra.h")
int v = 2;
#else
int v = 1;
#endif
C
sleep 0.02
for cc in $(compilers); do
    rm -f extra.h
    sccache $cc -c a.c -o 1.o
    sccache $cc -c a.c -o 1b.o
    expect_same 1.o 1b.o
    : >extra.h
    sleep 0.02
    $cc -c a.c -o plain.o
    sccache $cc -c a.c -o 2.o
    expect_same plain.o 2.o
    expect_differ 1.o 2.o
done
