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

# Another program has the port: --start-server says so, and a build goes on.
needs python3
python3 -c 'import socket, sys, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port &
other=$!
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
port=$(cat port)
SCCACHE_SERVER_PORT=$port expect_rc 2 sccache --start-server
grep -q 'Server startup failed: Address in use' "$T/err" || fail "no word about the port: $(cat "$T/err")"
SCCACHE_SERVER_PORT=$port expect_rc 0 sccache gcc -c a.c -o 3.o
expect_same 1.o 3.o
SCCACHE_SERVER_PORT=$port sccache --stop-server >/dev/null
kill $other
