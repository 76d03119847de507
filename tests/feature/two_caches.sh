#!/bin/bash
# SCCACHE_DIR belongs to the request, not to the server that happens to run.
. "$(dirname "$0")/lib.sh"

write_code
expect_rc 0 env SCCACHE_DIR="$T/one" sccache gcc -c a.c -o 1.o
expect_rc 0 env SCCACHE_DIR="$T/two" sccache gcc -c a.c -o 2.o
[ -n "$(find "$T/one" -type f)" ] || fail "nothing in the first cache"
[ -n "$(find "$T/two" -type f)" ] || fail "nothing in the second cache"
until rm -rf "$T/one" 2>/dev/null; do sleep 0.1; done # the server may be writing there
expect_rc 0 env SCCACHE_DIR="$T/two" sccache gcc -c a.c -o 3.o
hits=$(SCCACHE_DIR="$T/two" stat_of cache_hits)
[ "$hits" = 1 ] || fail "$hits hits in the second cache"
expect_same 1.o 3.o
