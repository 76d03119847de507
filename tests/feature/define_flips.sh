#!/bin/bash
# A -D, its value and its order are in the key.
. "$(dirname "$0")/lib.sh"

write_code
printf 'int v = V;\n' >>a.c
sleep 0.02
expect_miss sccache gcc -DV=1 -c a.c -o 1.o
expect_miss sccache gcc -DV=2 -c a.c -o 2.o
expect_hit sccache gcc -DV=1 -c a.c -o 1b.o
expect_hit sccache gcc -DV=2 -c a.c -o 2b.o
expect_miss sccache gcc -DV=1 -UV -DV=2 -c a.c -o 3.o
expect_same 1.o 1b.o
expect_same 2.o 2b.o
expect_differ 1.o 2.o
