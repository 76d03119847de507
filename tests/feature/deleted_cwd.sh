#!/bin/bash
# In a directory that was deleted the compiler's own answer comes through.
. "$(dirname "$0")/lib.sh"

write_code
mkdir gone
cp a.c h.h "$T"
cd gone
rmdir ../gone
plain_rc=0
gcc -c "$T/a.c" -o "$T/plain.o" 2>/dev/null || plain_rc=$?
our_rc=0
sccache gcc -c "$T/a.c" -o "$T/ours.o" 2>/dev/null || our_rc=$?
[ $plain_rc = $our_rc ] || fail "exit $our_rc, the compiler $plain_rc"
[ $plain_rc != 0 ] || expect_same "$T/plain.o" "$T/ours.o"
cd "$T/w"
