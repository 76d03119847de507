#!/bin/bash
# SCCACHE_ERROR_LOG and SCCACHE_LOG give a log of the server in env_logger's form.
. "$(dirname "$0")/lib.sh"

write_code
SCCACHE_ERROR_LOG=$T/error.log SCCACHE_LOG=debug expect_rc 0 sccache --start-server
SCCACHE_LOG=debug sccache gcc -c a.c -o 1.o 2>/dev/null
sccache --stop-server >/dev/null
grep -qE '^\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z (DEBUG|INFO |TRACE|WARN |ERROR) sccache[a-z_:]*\] ' "$T/error.log" || fail "log: $(head -c 1000 "$T/error.log")"
