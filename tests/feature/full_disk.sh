#!/bin/bash
# A full disk under the cache: objects are right, nothing broken is left.
. "$(dirname "$0")/lib.sh"

[ "$(id -u)" = 0 ] || skip "mounting needs root"
mkdir "$T/disk"
mount -t tmpfs -o size=192k,mode=700 tmpfs "$T/disk" 2>/dev/null || skip "cannot mount a tmpfs here"
at_end() { umount -l "$T/disk"; }
export SCCACHE_DIR=$T/disk/cache
for round in 1 2; do
    for i in $(seq 12); do
        if [ $round = 1 ]; then
            { printf 'const unsigned char blob%s[] = {' "$i"; head -c 30000 /dev/urandom | od -An -v -tu1 | tr -s ' \n' ',,' | sed '1s/^,//'; echo '};'; } >"a$i.c"
            age "a$i.c"
        fi
        gcc -c "a$i.c" -o plain.o
        expect_rc 0 sccache gcc -c "a$i.c" -o ours.o
        expect_same plain.o ours.o
        [ ! -s "$T/err" ] || fail "said: $(cat "$T/err")"
    done
done
[ "$(stat_of cache_write_errors)" -ge 1 ] || [ "$(stat_of cache_misses)" -ge 13 ] || fail "the disk was not full: $(stat_json)"
