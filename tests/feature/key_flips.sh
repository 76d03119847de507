#!/bin/bash
# Whatever changes the object is a miss, one flip at a time, and back is a hit.
. "$(dirname "$0")/lib.sh"

write_code
flip() { expect_miss sccache gcc -O1 -c a.c -o x.o "$@"; }
expect_miss sccache gcc -O1 -c a.c -o x.o
flip -O2
flip -g
flip -fPIC
flip -std=gnu99
flip -Wall
flip -funsigned-char
flip -include stddef.h
flip -DX
flip -isystem .
flip -fno-inline
expect_hit sccache gcc -O1 -c a.c -o x.o
echo >>a.c
sleep 0.02
expect_miss sccache gcc -O1 -c a.c -o x.o
