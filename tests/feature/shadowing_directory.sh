#!/bin/bash
# An include directory that did not exist and then does is seen.
. "$(dirname "$0")/lib.sh"

mkdir second
echo '#define V 1' >second/v.h
echo '#include <v.h>
int w = V;' >a.c
sleep 0.02
expect_miss sccache gcc -Iabsent/deep -Isecond -c a.c -o 1.o
mkdir -p absent/deep
echo '#define V 2' >absent/deep/v.h
sleep 0.02
gcc -Iabsent/deep -Isecond -c a.c -o plain.o
sccache gcc -Iabsent/deep -Isecond -c a.c -o 2.o
expect_same plain.o 2.o
expect_stat cache_hits 0
