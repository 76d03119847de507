#!/bin/bash
# Two wrapper directories in PATH, ours and a link of ours, end at the real compiler.
. "$(dirname "$0")/lib.sh"

write_code
mkdir one two
ln -s "$bin" one/gcc
ln -s ../one/gcc two/gcc
export PATH=$T/w/one:$T/w/two:$PATH
expect_rc 0 timeout 20 gcc -c a.c -o 1.o
expect_rc 0 timeout 20 sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
expect_file 2.o
