#!/bin/bash
# PWD that names the directory by a link is what -g records.
. "$(dirname "$0")/lib.sh"

write_code
ln -s "$PWD" "$T/link"
PWD=$T/w gcc -g -c a.c -o real.o
PWD=$T/link gcc -g -c a.c -o link.o
expect_differ real.o link.o
PWD=$T/w sccache gcc -g -c a.c -o 1.o
PWD=$T/link sccache gcc -g -c a.c -o 2.o
PWD=$T/link sccache gcc -g -c a.c -o 3.o
expect_same real.o 1.o
expect_same link.o 2.o
expect_same link.o 3.o
