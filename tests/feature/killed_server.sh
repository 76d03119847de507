#!/bin/bash
# After kill -9 the next compile starts a new server and hits.
. "$(dirname "$0")/lib.sh"

write_code
expect_miss sccache gcc -c a.c -o 1.o
pid=$(server_pid)
kill -9 "$pid"
while [ -d "/proc/$pid" ]; do sleep 0.02; done
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
new=$(server_pid)
[ -n "$new" ] && [ "$new" != "$pid" ] || fail "no new server"
expect_stat cache_hits 1
