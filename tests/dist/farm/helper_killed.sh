#!/bin/bash
# The helper process is killed, stopped, and killed again: its jobs are compiled here, later ones go out again.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1

helper() { pgrep -P "$(server_pid)" -x sccache-remote; }
printf 'int a;\n' >a.c
expect_away sccache gcc -c a.c -o a.o
kill -9 "$(helper)"
sleep 0.2
printf 'int b;\n' >b.c
sccache gcc -c b.c -o b.o
gcc -c b.c -o plain.o
expect_same plain.o b.o
sleep 2
printf 'int c;\n' >c.c
expect_away sccache gcc -c c.c -o c.o
# Killed while it has work.
for i in $(seq 8); do printf '#include <stdio.h>\n#include <stdlib.h>\nint x%d = %d;\n' "$i" "$i" >x$i.c; done
pids=()
for i in $(seq 8); do sccache gcc -O2 -g -c x$i.c -o x$i.o & pids+=($!); done
sleep 0.15
kill -9 "$(helper)" || true
for pid in "${pids[@]}"; do wait "$pid" || fail "a compile failed"; done
for i in $(seq 8); do
    gcc -O2 -g -c x$i.c -o plain.o
    expect_same plain.o x$i.o
done
