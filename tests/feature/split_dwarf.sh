#!/bin/bash
# -gsplit-dwarf brings back the .dwo as well.
. "$(dirname "$0")/lib.sh"

write_code
mkdir plain ours
for cc in $(compilers); do
    rm -f ./*.o ./*.dwo
    $cc -g -gsplit-dwarf -c a.c -o x.o
    mv x.o x.dwo plain/
    sccache $cc -g -gsplit-dwarf -c a.c -o x.o
    rm -f x.o x.dwo
    sccache $cc -g -gsplit-dwarf -c a.c -o x.o
    expect_same plain/x.o x.o
    expect_same plain/x.dwo x.dwo
done
