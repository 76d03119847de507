#!/bin/bash
# A pipe that a build waits on is not held open by the server it started.
. "$(dirname "$0")/lib.sh"

write_code
timeout 20 bash -c 'sccache gcc -c a.c -o 1.o 2>&1 | cat' || fail "the pipe stayed open"
timeout 20 bash -c 'x=$(sccache --start-server 2>&1; true)' || fail "the pipe stayed open"
