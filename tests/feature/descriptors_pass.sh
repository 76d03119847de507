#!/bin/bash
# A tool that is not ours to cache gets every descriptor and the whole environment untouched.
. "$(dirname "$0")/lib.sh"

exec 7>seven
FLAVOUR='a b' MAKEFLAGS='-j --jobserver-auth=7,7' sccache sh -c 'echo "$FLAVOUR $MAKEFLAGS" >&7; ls /proc/self/fd' >fds
exec 7>&-
[ "$(cat seven)" = "a b -j --jobserver-auth=7,7" ] || fail "got: $(cat seven)"
grep -qx 7 fds || fail "descriptor 7 is missing: $(cat fds)"
