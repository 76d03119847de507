#!/bin/bash
# A second build of the same file comes from the cache, byte for byte, and equals the plain compile.
. "$(dirname "$0")/lib.sh"

write_code
for cc in $(compilers); do
    for flags in "" "-g" "-O2 -g" "-O2 -Wall -DX=1 -I."; do
        # shellcheck disable=SC2086
        $cc $flags -c a.c -o plain.o
        # shellcheck disable=SC2086
        expect_miss sccache $cc $flags -c a.c -o first.o
        # shellcheck disable=SC2086
        expect_hit sccache $cc $flags -c a.c -o second.o
        expect_same plain.o first.o
        expect_same plain.o second.o
    done
done
expect_stat cache_errors 0
expect_stat cache_write_errors 0
