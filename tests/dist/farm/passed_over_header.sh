#!/bin/bash
# Headers that #include_next passes over are in no list of the compiler's: a source that does so is made by builders all the
# same, with the object that it has here, also when what it ends at changes.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1

mkdir a b c
printf '#include_next <y.h>\n' >b/x.h
for d in a b c; do printf '#define Y "%s"\n' $d >$d/y.h; done
printf '#include <x.h>\nconst char *v = Y;\n' >t.c
sleep 0.05
compile() { sccache gcc -Ia -Ib -Ic -c t.c -o t.o; }
expect_away compile
for round in 1 2; do
    printf '\n' >>t.c
    sleep 0.05
    expect_away compile
    gcc -Ia -Ib -Ic -c t.c -o plain.o
    expect_same plain.o t.o
done
# One of them changes what it says: nothing of what was sent before may be used again.
printf '#define Y "other"\n' >c/y.h
sleep 0.05
expect_away compile
gcc -Ia -Ib -Ic -c t.c -o plain.o
expect_same plain.o t.o
