#!/bin/bash
# Files beside the object (-fstack-usage, -save-temps, --coverage) are there after the second compile too.
. "$(dirname "$0")/lib.sh"

write_code
for flags in -fstack-usage -save-temps --coverage "-Wa,-adhln=listing" -fcallgraph-info -fdump-tree-optimized -fverbose-asm; do
    rm -rf plain second
    mkdir plain second
    for where in plain second; do
        prefix=
        [ $where = second ] && prefix=sccache
        if [ $where = second ]; then (mkdir -p warmup && cp a.c h.h warmup && cd warmup && sccache gcc $flags -c a.c -o x.o) >/dev/null 2>&1; fi
        (cd $where && cp ../a.c ../h.h . && $prefix gcc $flags -c a.c -o x.o && { [ $where = plain ] || { rm -f x.*; sccache gcc $flags -c a.c -o x.o; }; }) >/dev/null
    done
    diff <(ls plain) <(ls second) >&2 || fail "$flags: other files"
    rm -rf warmup
done
