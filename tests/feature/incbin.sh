#!/bin/bash
# The file of an .incbin is an input.
. "$(dirname "$0")/lib.sh"

printf 'one' >blob
printf '__asm__(".globl blob\\nblob: .incbin \\"blob\\"\\n");\n' >a.c
printf '.globl blob\nblob: .incbin "blob"\n' >b.S
sleep 0.02
for source in a.c b.S; do
    printf 'one' >blob
    sleep 0.02
    sccache gcc -c $source -o 1.o
    sccache gcc -c $source -o 1b.o
    expect_same 1.o 1b.o
    printf 'two' >blob
    sleep 0.02
    gcc -c $source -o plain.o
    sccache gcc -c $source -o 2.o
    expect_same plain.o 2.o
done
