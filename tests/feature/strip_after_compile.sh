#!/bin/bash
# An object stripped right after its compile does not reach the cache.
. "$(dirname "$0")/lib.sh"

write_code
gcc -g -c a.c -o plain.o
for i in 1 2 3 4 5; do
    echo "int n$i;" >>a.c
    age a.c "$i hours ago"
    sccache gcc -g -c a.c -o x.o && strip -g x.o
    gcc -g -c a.c -o plain.o
    expect_hit sccache gcc -g -c a.c -o y.o
    expect_same plain.o y.o
done
