#!/bin/bash
# Questions to the compiler are answered by the compiler, byte for byte.
. "$(dirname "$0")/lib.sh"

write_code
for cc in $(compilers); do
    for question in --version -v -dumpversion -dumpmachine -print-prog-name=cc1 -print-search-dirs "-### -c a.c" "-E a.c" "-E -dM a.c" "-fsyntax-only a.c" "-M a.c" "-MM a.c"; do
        # shellcheck disable=SC2086
        $cc $question >plain.out 2>plain.err
        # shellcheck disable=SC2086
        sccache $cc $question >ours.out 2>ours.err
        expect_same plain.out ours.out
        # gcc -### prints a random name of a temporary file
        sed -i 's|/tmp/cc[A-Za-z0-9]*|/tmp/cc|g; s|'"$TMPDIR"'/[A-Za-z0-9._-]*|TMP|g' plain.err ours.err
        expect_same plain.err ours.err
    done
    $cc -S a.c -o plain.s
    sccache $cc -S a.c -o ours.s
    expect_same plain.s ours.s
    $cc -E a.c -o plain.i
    sccache $cc -E a.c -o ours.i
    expect_same plain.i ours.i
done
printf 'int x;\n' | sccache gcc -x c -c - -o stdin.o
printf 'int x;\n' | gcc -x c -c - -o plain.o
expect_same plain.o stdin.o
