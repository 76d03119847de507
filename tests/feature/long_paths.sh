#!/bin/bash
# Paths of more than three thousand bytes work.
. "$(dirname "$0")/lib.sh"

deep=.
for i in $(seq 15); do deep=$deep/$(printf "d%.0s" $(seq 200)); done
mkdir -p "$deep"
printf 'int long_path(void) { return __LINE__; }\n' >"$deep/a.c"
sleep 0.02
gcc -g -c "$deep/a.c" -o plain.o
expect_miss sccache gcc -g -c "$deep/a.c" -o "$deep/1.o"
expect_hit sccache gcc -g -c "$deep/a.c" -o "$deep/2.o"
expect_same plain.o "$deep/1.o"
expect_same plain.o "$deep/2.o"
