#!/bin/bash
# -s starts a server where SCCACHE_SERVER_UDS names its socket, as the workers of the Open Build Service expect, and
# nowhere else: watching a cache must not leave processes behind.
. "$(dirname "$0")/lib.sh"

named=$SCCACHE_SERVER_UDS
write_code
(
    unset SCCACHE_SERVER_UDS
    sccache -s >text
    expect_text text "Compile requests                      0"
    sccache --stop-server >/dev/null 2>&1 && fail "-s started a server at the default socket"
    true
)
SCCACHE_CLIENT_SIDE=1 sccache -s >/dev/null
[ -z "$(server_pid "$named")" ] || fail "-s started a server in client-side mode"
SCCACHE_NO_DAEMON=1 sccache -s >/dev/null
[ -z "$(server_pid "$named")" ] || fail "-s started a server that must stay in the foreground"

sccache -s >text
expect_text text "Compile requests                      0"
pid=$(server_pid "$named")
[ -n "$pid" ] || fail "-s started no server at the named socket"
sccache gcc -c a.c -o a.o
expect_stat cache_misses 1
[ "$(server_pid "$named")" = "$pid" ] || fail "the compile got another server"
