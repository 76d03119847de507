#!/bin/bash
# Names with spaces, newlines, quotes, leading dashes and bytes that are no UTF-8.
. "$(dirname "$0")/lib.sh"

n=0
for name in 'a b' $'new\nline' "it's" '-dash' $'\xff\xfe' 'dollar$(x)' 'ä' '#hash' 'back\slash' 'semi;colon'; do
    n=$((n + 1))
    source=./$name.c
    printf 'int odd%s;\n' $n >"$source"
    sleep 0.02
    gcc -g -c "$source" -o plain.o
    sccache gcc -g -c "$source" -o "./$name.1.o"
    sccache gcc -g -c "$source" -o "./$name.2.o"
    expect_same plain.o "./$name.1.o"
    expect_same plain.o "./$name.2.o"
done
[ "$(stat_of cache_hits)" -ge 5 ] || fail "few hits: $(stat_json)"
