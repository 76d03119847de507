#!/bin/bash
# Without -o the object goes where the compiler puts it.
. "$(dirname "$0")/lib.sh"

mkdir sub
write_code
mv a.c h.h sub
sleep 0.02
expect_miss sccache gcc -c sub/a.c
mv a.o first.o
expect_hit sccache gcc -c sub/a.c
expect_same a.o first.o
