#!/bin/bash
# After a sick server is gone, clients use a new one again soon.
. "$(dirname "$0")/lib.sh"

write_code
sccache gcc -c a.c -o 1.o
pid=$(server_pid)
kill -STOP "$pid"
expect_rc 0 timeout 30 sccache gcc -c a.c -o 2.o
kill -9 "$pid"
found=
for _ in $(seq 30); do
    expect_rc 0 sccache gcc -c a.c -o 3.o
    expect_same 1.o 3.o
    if [ -n "$(server_pid)" ] && [ "$(stat_of cache_hits)" -ge 1 ]; then found=1; break; fi
    sleep 1
done
[ -n "$found" ] || fail "no server again within thirty seconds"
