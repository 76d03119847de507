#!/bin/bash
# A socket that nobody serves any more is replaced.
. "$(dirname "$0")/lib.sh"

write_code
python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])' "$SCCACHE_SERVER_UDS"
expect_file "$SCCACHE_SERVER_UDS"
expect_miss sccache gcc -c a.c -o 1.o
expect_hit sccache gcc -c a.c -o 2.o
