#!/bin/bash
# A chroot with the same mount namespace is another root: its headers count there.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "chroot needs root"
needs unshare
# A root made of bind mounts of this system, with one directory of its own.
unshare -m true 2>/dev/null || skip "no mount namespaces here"
write_code
mkdir -p own root
cp a.c h.h own/
printf '#define ANSWER 99\nint helper(int);\n' >own/h.h
age h.h "2 hours ago"
age own/h.h "2 hours ago"
sccache gcc -c a.c -o host.o
libexec=$(dirname "$(dirname "$bin")")
timeout 100 unshare -m bash -euc '
    mount --make-rprivate / ; mount -t tmpfs tmpfs root
    for d in usr lib lib64 bin etc proc dev tmp; do
        [ -e /$d ] || continue
        if [ -L /$d ]; then cp -a /$d root/; else mkdir -p root/$d; mount --rbind /$d root/$d; fi
    done
    mkdir -p root'"$libexec"' root/tmp
    [ "$(stat -c %i root'"$libexec"'/bin 2>/dev/null)" ] || mount --bind '"$libexec"' root'"$libexec"'
    mount --bind own root'"$PWD"'
    chroot root bash -c "cd '"$PWD"' && gcc -c a.c -o plain.o && sccache gcc -c a.c -o inside.o && sccache gcc -c a.c -o inside2.o"
' || fail "exit $?"
expect_same own/plain.o own/inside.o
expect_same own/plain.o own/inside2.o
expect_differ host.o own/inside.o
