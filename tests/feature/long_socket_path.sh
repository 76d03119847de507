#!/bin/bash
# A socket path longer than the kernel's 107 bytes works.
. "$(dirname "$0")/lib.sh"

write_code
deep=$T/$(printf 'd%.0s' $(seq 90))/$(printf 'e%.0s' $(seq 90))
mkdir -p "$deep"
chmod 700 "$deep"
export SCCACHE_SERVER_UDS=$deep/server.sock
expect_miss sccache gcc -c a.c -o 1.o
expect_hit sccache gcc -c a.c -o 2.o
expect_file "$deep/server.sock"
sccache --stop-server >/dev/null
