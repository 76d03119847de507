#!/bin/bash
# SCCACHE_SERVER_PORT selects an instance; two numbers are two servers, and no TCP port is opened.
. "$(dirname "$0")/lib.sh"

write_code
unset SCCACHE_SERVER_UDS
at_end() { SCCACHE_SERVER_PORT=14226 sccache --stop-server; SCCACHE_SERVER_PORT=14227 sccache --stop-server; } >/dev/null 2>&1
SCCACHE_SERVER_PORT=14226 expect_rc 0 sccache gcc -c a.c -o 1.o
SCCACHE_SERVER_PORT=14227 expect_rc 0 sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
[ "$(find "$XDG_RUNTIME_DIR" -name '*14226*' -type s | wc -l)" = 1 ] || fail "no instance socket: $(find "$XDG_RUNTIME_DIR")"
[ "$(find "$XDG_RUNTIME_DIR" -name '*14227*' -type s | wc -l)" = 1 ] || fail "no instance socket: $(find "$XDG_RUNTIME_DIR")"
! grep -qi ':3792 ' /proc/net/tcp || fail "a TCP port is open"
