#!/bin/bash
# The cache and the runtime directory are closed to others.
. "$(dirname "$0")/lib.sh"

write_code
umask 000
sccache gcc -c a.c -o 1.o
[ "$(stat -c %a "$SCCACHE_DIR")" = 700 ] || fail "cache directory has mode $(stat -c %a "$SCCACHE_DIR")"
bad=$(find "$SCCACHE_DIR" -perm /077)
[ -z "$bad" ] || fail "open to others: $bad"
case $(stat -c %a "$SCCACHE_SERVER_UDS") in *00) ;; *) fail "socket has mode $(stat -c %a "$SCCACHE_SERVER_UDS")" ;; esac
