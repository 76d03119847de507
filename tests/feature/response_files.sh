#!/bin/bash
# Arguments in response files, nested and quoted, count like typed ones.
. "$(dirname "$0")/lib.sh"

write_code
echo 'int v = V; const char *s = S;' >>a.c
printf -- '-DV=1 "-DS=\\"a b\\"" @inner.rsp\n' >outer.rsp
printf -- '-O1\n-I.\n' >inner.rsp
sleep 0.02
for cc in $(compilers); do
    printf -- '-O1\n-I.\n' >inner.rsp
    sleep 0.02
    $cc @outer.rsp -c a.c -o plain.o
    sccache $cc @outer.rsp -c a.c -o 1.o
    sccache $cc @outer.rsp -c a.c -o 2.o
    expect_same plain.o 1.o
    expect_same plain.o 2.o
    printf -- '-O2\n-I.\n' >inner.rsp
    sleep 0.02
    $cc @outer.rsp -c a.c -o plain.o
    sccache $cc @outer.rsp -c a.c -o 3.o
    expect_same plain.o 3.o
done
[ "$(stat_of cache_hits)" -ge 1 ] || fail "response files are never a hit: $(stat_json)"
