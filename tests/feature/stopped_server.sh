#!/bin/bash
# A stopped server costs one delay of about two seconds, not one per file.
. "$(dirname "$0")/lib.sh"

write_code
expect_miss sccache gcc -c a.c -o 1.o
pid=$(server_pid)
kill -STOP "$pid"
begin=$(date +%s%N)
for i in 1 2 3 4 5; do expect_rc 0 timeout 30 sccache gcc -c a.c -o "x$i.o"; done
took=$((($(date +%s%N) - begin) / 1000000))
kill -CONT "$pid"
for i in 1 2 3 4 5; do expect_same 1.o "x$i.o"; done
[ $took -lt 8000 ] || fail "five compiles took $took ms"
