#!/bin/bash
# Environment variables that change the object are in the key; others are not.
. "$(dirname "$0")/lib.sh"

mkdir inc1 inc2
echo '#define V 1' >inc1/v.h
echo '#define V 2' >inc2/v.h
echo '#include <v.h>
int v = V;' >a.c
sleep 0.02
expect_miss env CPATH=inc1 sccache gcc -c a.c -o 1.o
expect_miss env CPATH=inc2 sccache gcc -c a.c -o 2.o
expect_hit env CPATH=inc1 sccache gcc -c a.c -o 3.o
expect_same 1.o 3.o
expect_differ 1.o 2.o
expect_miss env C_INCLUDE_PATH=inc2 sccache gcc -c a.c -o 4.o
expect_same 2.o 4.o
expect_hit env CPATH=inc1 UNRELATED=1 HOSTNAME=x sccache gcc -c a.c -o 5.o
expect_miss env CPATH=inc1 SCCACHE_C_CUSTOM_CACHE_BUSTER=1 sccache gcc -c a.c -o 6.o
echo one >extra
sleep 0.02
expect_miss env CPATH=inc1 SCCACHE_EXTRAFILES="$PWD/extra" sccache gcc -c a.c -o 7.o
expect_hit env CPATH=inc1 SCCACHE_EXTRAFILES="$PWD/extra" sccache gcc -c a.c -o 7.o
echo two >extra
sleep 0.02
expect_miss env CPATH=inc1 SCCACHE_EXTRAFILES="$PWD/extra" sccache gcc -c a.c -o 8.o
