#!/bin/bash
# An entry under another entry's name is not taken for it.
. "$(dirname "$0")/lib.sh"

write_code
cp a.c b.c
echo 'int other;' >>b.c
sleep 0.02
sccache gcc -c a.c -o 1.o
find "$SCCACHE_DIR" -type f | sort >before
sccache gcc -c b.c -o 2.o
sccache --stop-server >/dev/null
find "$SCCACHE_DIR" -type f | sort | comm -13 before - >new
comm -12 before <(find "$SCCACHE_DIR" -type f | sort) >old
# Every old entry's bytes are put under every new entry's name of about that size.
while read -r new_file; do
    while read -r old_file; do
        if [ "$(stat -c %s "$old_file")" -gt 200 ]; then cp "$old_file" "$new_file"; fi
    done <old
done <new
expect_rc 0 sccache gcc -c b.c -o 3.o
expect_same 2.o 3.o
