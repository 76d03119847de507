#!/bin/bash
# A header that newly appears earlier on the search path is a miss, though no known file changed.
. "$(dirname "$0")/lib.sh"

mkdir first second
echo '#define V 1' >second/v.h
echo 'int v(void) { return 0; }
#include <v.h>
int w = V;' >a.c
sleep 0.02
for cc in $(compilers); do
    rm -f first/v.h
    expect_miss sccache $cc -Ifirst -Isecond -c a.c -o 1.o
    expect_hit sccache $cc -Ifirst -Isecond -c a.c -o 2.o
    echo '#define V 2' >first/v.h
    sleep 0.02
    $cc -Ifirst -Isecond -c a.c -o plain.o
    expect_miss sccache $cc -Ifirst -Isecond -c a.c -o 3.o
    expect_same plain.o 3.o
    rm first/v.h
    expect_hit sccache $cc -Ifirst -Isecond -c a.c -o 4.o
    expect_same 1.o 4.o
done
