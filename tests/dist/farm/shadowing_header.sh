#!/bin/bash
# The list of files sent along is that of the last time. A header that has come to lie before another one since then, which
# the builder cannot see, must not be missed.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1

mkdir one two
printf '#define V 2\n' >two/v.h
printf '#include <v.h>\nint v = V;\n' >a.c
sleep 0.05
expect_away sccache gcc -Ione -Itwo -c a.c -o a.o
printf '#define V 1\n' >one/v.h
sleep 0.05
sccache gcc -Ione -Itwo -c a.c -o a.o
gcc -Ione -Itwo -c a.c -o plain.o
expect_same plain.o a.o
# A new include in a header that was there before: the old list lacks its file.
printf '#include "w.h"\n#define V W\n' >one/v.h
printf '#define W 7\n' >two/w.h
sleep 0.05
sccache gcc -Ione -Itwo -c a.c -o a.o
gcc -Ione -Itwo -c a.c -o plain.o
expect_same plain.o a.o
printf '\n' >>a.c
sleep 0.05
expect_away sccache gcc -Ione -Itwo -c a.c -o a.o
expect_stat dist_errors 0
