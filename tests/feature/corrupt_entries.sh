#!/bin/bash
# Entries with a flipped byte, cut short, empty or swapped are misses, never objects.
. "$(dirname "$0")/lib.sh"

write_code
cp a.c b.c
echo 'int other;' >>b.c
sleep 0.02
gcc -c a.c -o plain.o
entries() { find "$SCCACHE_DIR" -type f -size +200c; }
for damage in flip_each cut empty; do
    sccache gcc -c a.c -o 1.o
    sccache gcc -c b.c -o 2.o
    sccache --stop-server >/dev/null
    [ -n "$(entries)" ] || fail "no entry found in $(find "$SCCACHE_DIR")"
    entries | while read -r file; do
        case $damage in
            flip_each) python3 -c '
import os, sys
n = os.path.getsize(sys.argv[1])
with open(sys.argv[1], "r+b") as f:
    for at in (n // 3, n // 2, n - 20):
        f.seek(at); c = f.read(1); f.seek(at); f.write(bytes([c[0] ^ 0x40]))' "$file" ;;
            cut) truncate -s -7 "$file" ;;
            empty) : >"$file" ;;
        esac
    done
    expect_rc 0 sccache gcc -c a.c -o 3.o
    expect_same plain.o 3.o
    expect_rc 0 sccache gcc -c a.c -o 4.o
    expect_same plain.o 4.o
    expect_rc 0 sccache gcc -c b.c -o 5.o
    expect_same 2.o 5.o
done
