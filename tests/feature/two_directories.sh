#!/bin/bash
# The same source in two directories: the objects are those of plain compiles, with and without -g.
. "$(dirname "$0")/lib.sh"

mkdir one two
(cd one && write_code)
cp one/a.c one/h.h two/
sleep 0.02
for flags in "" -g; do
    for d in one two; do
        (cd $d && gcc $flags -c a.c -o plain.o && sccache gcc $flags -c a.c -o 1.o && sccache gcc $flags -c a.c -o 2.o && expect_same plain.o 1.o && expect_same plain.o 2.o)
    done
done
[ "$(stat_of cache_hits)" -ge 4 ] || fail "few hits: $(stat_json)"
