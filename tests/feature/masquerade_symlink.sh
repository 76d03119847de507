#!/bin/bash
# Called under a compiler's name by a link, it is that compiler.
. "$(dirname "$0")/lib.sh"

write_code
mkdir masq
ln -s "$bin" masq/gcc
ln -s "$bin" masq/g++
export PATH=$T/w/masq:$PATH
/usr/bin/env gcc --version >shown
expect_text shown gcc
expect_miss gcc -c a.c -o 1.o
expect_hit gcc -c a.c -o 2.o
expect_hit sccache gcc -c a.c -o 3.o
expect_same 1.o 2.o
gcc 2.o -shared -o lib.so
expect_file lib.so
