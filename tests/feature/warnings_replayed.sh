#!/bin/bash
# Warnings of the miss appear again on a hit, on the same streams.
. "$(dirname "$0")/lib.sh"

echo 'int f(void) { int unused; int x = "text"; }' >a.c
sleep 0.02
for cc in $(compilers); do
    $cc -Wall -c a.c -o plain.o >plain.out 2>plain.err || true
    if [ ! -e plain.o ]; then continue; fi
    sccache $cc -Wall -c a.c -o 1.o >1.out 2>1.err
    sccache $cc -Wall -c a.c -o 2.o >2.out 2>2.err
    expect_same plain.err 1.err
    expect_same plain.err 2.err
    expect_same plain.out 2.out
    expect_same plain.o 2.o
    rm plain.o
done
[ "$(stat_of cache_hits)" -ge 1 ] || fail "warnings are never a hit: $(stat_json)"
