#!/bin/bash
# SCCACHE_NO_DAEMON=1 SCCACHE_START_SERVER=1 serves in the foreground.
. "$(dirname "$0")/lib.sh"

write_code
SCCACHE_NO_DAEMON=1 SCCACHE_START_SERVER=1 sccache >"$T/fg.out" 2>&1 &
server=$!
for _ in $(seq 100); do [ -n "$(server_pid)" ] && break; sleep 0.05; done
kill -0 $server 2>/dev/null || fail "it did not stay: $(cat "$T/fg.out")"
expect_miss sccache gcc -c a.c -o 1.o
expect_hit sccache gcc -c a.c -o 2.o
sccache --stop-server >/dev/null
wait $server || fail "ended with $?"
