#!/bin/bash
# Messages come in the caller's language setting, also from the cache.
. "$(dirname "$0")/lib.sh"

echo 'int f(void) { int unused; return 1; }' >a.c
sleep 0.02
for locale in C C.UTF-8; do
    LC_ALL=$locale gcc -Wall -c a.c -o plain.o 2>plain.err
    LC_ALL=$locale sccache gcc -Wall -c a.c -o 1.o 2>1.err
    LC_ALL=$locale sccache gcc -Wall -c a.c -o 2.o 2>2.err
    expect_same plain.err 1.err
    expect_same plain.err 2.err
done
