#!/bin/bash
# A broken configuration fails no compile; the commands say what is wrong and where.
. "$(dirname "$0")/lib.sh"

write_code
mkdir -p "$HOME/.config/sccache"
printf '[cache.disk]\nsise = 5\n' >"$HOME/.config/sccache/config"
gcc -c a.c -o plain.o
expect_rc 0 sccache gcc -c a.c -o 1.o
expect_same plain.o 1.o
[ ! -s "$T/err" ] || fail "the compile said: $(cat "$T/err")"
expect_rc 2 sccache --show-stats
expect_text "$T/err" "sise"
expect_text "$T/err" "size"
expect_text "$T/err" ".config/sccache/config"
printf 'this is [not toml\n' >"$HOME/.config/sccache/config"
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_same plain.o 2.o
printf '[cache.disk]\ndir = "%s/configured"\n' "$T" >"$HOME/.config/sccache/config"
unset SCCACHE_DIR
expect_rc 0 sccache gcc -c a.c -o 3.o
expect_file "$T/configured"
