#!/bin/bash
# Called under a compiler's name by a copy, it is that compiler and finds its engine.
. "$(dirname "$0")/lib.sh"

write_code
mkdir masq
cp "$bin" masq/gcc
export PATH=$T/w/masq:$PATH
expect_miss gcc -c a.c -o 1.o
expect_hit gcc -c a.c -o 2.o
expect_same 1.o 2.o
