#!/bin/bash
# --start-server and --stop-server do it once and say so.
. "$(dirname "$0")/lib.sh"

expect_rc 0 sccache --start-server
expect_text "$T/out" "sccache: Starting the server"
pid=$(server_pid)
[ -n "$pid" ] || fail "nobody listens"
expect_rc 2 sccache --start-server
[ "$(server_pid)" = "$pid" ] || fail "another server"
expect_rc 0 sccache --stop-server
expect_text "$T/out" "Stopping sccache server"
expect_text "$T/out" "Compile requests"
for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
[ ! -d "/proc/$pid" ] || fail "still there"
expect_rc 2 sccache --stop-server
expect_text "$T/err" "couldn't connect to server"
