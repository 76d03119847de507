#!/bin/bash
# An idle server ends after SCCACHE_IDLE_TIMEOUT seconds and leaves no socket in the way.
. "$(dirname "$0")/lib.sh"

write_code
export SCCACHE_IDLE_TIMEOUT=1
expect_rc 0 sccache gcc -c a.c -o 1.o
pid=$(server_pid)
for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
[ ! -d "/proc/$pid" ] || fail "still there"
expect_hit sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
