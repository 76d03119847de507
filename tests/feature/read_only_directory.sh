#!/bin/bash
# A cache on a file system that became read-only still gives hits, and misses compile.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "mounting needs root"
mkdir "$T/disk"
mount -t tmpfs -o size=16m,mode=700 tmpfs "$T/disk" 2>/dev/null || skip "cannot mount a tmpfs here"
at_end() { umount -l "$T/disk"; }
write_code
cp a.c b.c
echo 'int other;' >>b.c
sleep 0.02
export SCCACHE_DIR=$T/disk/cache
expect_miss sccache gcc -c a.c -o 1.o
sccache --stop-server >/dev/null
mount -o remount,ro "$T/disk" 2>/dev/null || skip "cannot remount a tmpfs here"
expect_hit sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
expect_rc 0 sccache gcc -c b.c -o 3.o
gcc -c b.c -o plain.o
expect_same plain.o 3.o
