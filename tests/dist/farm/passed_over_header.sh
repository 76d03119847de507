#!/bin/bash
# Headers that #include_next passes over are in no list of the compiler's: a source that does so is made by builders all the
# same, from the first time on and without a second compile here, also with several of them (as <cmath> and <cstdlib> do),
# with the object that it has here, also when what it ends at changes.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1
export SCCACHE_LOG=debug SCCACHE_ERROR_LOG=$T/client.log

mkdir a b c
printf '#include_next <y.h>\n' >b/x.h
printf '#include_next <z.h>\n' >b/w.h
for d in a b c; do printf '#define Y "%s"\n' $d >$d/y.h; done
for d in a b c; do printf '#define Z "%s"\n' $d >$d/z.h; done
printf '#include <x.h>\n#include <w.h>\nconst char *v = Y Z;\n' >t.c
sleep 0.05
compile() { sccache gcc -Ia -Ib -Ic -c t.c -o t.o; }
expect_made_there_only() {
    expect_away compile
    ! grep 'compiled again here' "$T/client.log" || fail "it was compiled twice"
    gcc -Ia -Ib -Ic -c t.c -o plain.o
    expect_same plain.o t.o
}
expect_made_there_only
for round in 1 2 3; do
    printf '\n' >>t.c
    sleep 0.05
    expect_made_there_only
done
# One of them changes what it says: nothing of what was sent before may be used again.
printf '#define Y "other"\n' >c/y.h
sleep 0.05
expect_made_there_only
# And what was compiled here goes away the next time.
printf '\n' >>t.c
sleep 0.05
SCCACHE_DIST=off compile || fail "exit $?"
printf '\n' >>t.c
sleep 0.05
expect_made_there_only
