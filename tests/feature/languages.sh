#!/bin/bash
# C, C++, assembler with and without preprocessing, and preprocessed C and C++ are cached under their labels.
. "$(dirname "$0")/lib.sh"

write_code
cp a.c a.cc
printf '#define N 7\n.globl sym\nsym: .long N\n' >p.S
printf '.globl sym\nsym: .long 7\n' >q.s
gcc -E a.c -o pre.i
g++ -E a.cc -o pre.ii
sleep 0.02
for line in "gcc a.c" "g++ a.cc" "g++ a.c" "gcc p.S" "gcc pre.i" "g++ pre.ii"; do
    read -r cc source <<<"$line"
    $cc -c "$source" -o plain.o
    expect_miss sccache "$cc" -c "$source" -o first.o
    expect_hit sccache "$cc" -c "$source" -o second.o
    expect_same plain.o first.o
    expect_same plain.o second.o
done
[ "$(stat_of cache_hits.C/C++)" -ge 5 ] || fail "label C/C++: $(stat_json)"
sccache gcc -c q.s -o q1.o
sccache gcc -c q.s -o q2.o
gcc -c q.s -o q0.o
expect_same q0.o q1.o
expect_same q0.o q2.o
