#!/bin/bash
# In a chroot whose headers differ, the host's server does not answer for it.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "chroot needs root"
needs unshare
mkdir root
unshare -m true 2>/dev/null || skip "no mount namespaces here"
write_code
mkdir -p shared
cp a.c h.h shared/
echo '#define PLACE 1' >shared/place.h
echo '#include "place.h"
int place = PLACE;' >>shared/a.c
sleep 0.02
here=$PWD
(cd shared && sccache gcc -c a.c -o host.o)
# The same paths, another content of place.h: a bind mount over the directory in a mount namespace of its own.
cp -r shared other
echo '#define PLACE 2' >other/place.h
rm -f other/*.o
age other/place.h "3 hours ago"
age shared/place.h "3 hours ago"
timeout 60 unshare -m sh -c "mount --bind '$here/other' '$here/shared' && cd '$here/shared' && gcc -c a.c -o plain.o && sccache gcc -c a.c -o inside.o && sccache gcc -c a.c -o inside2.o" || fail "exit $?"
expect_same other/plain.o other/inside.o
expect_same other/plain.o other/inside2.o
expect_differ shared/host.o other/inside.o
