#!/bin/bash
# An edited configuration counts from the next request on, without a restart.
. "$(dirname "$0")/lib.sh"

write_code
unset SCCACHE_DIR
export SCCACHE_CONF=$PWD/c.toml
printf '[cache.disk]\ndir = "%s/one"\n' "$T" >c.toml
expect_rc 0 sccache gcc -c a.c -o 1.o
pid=$(server_pid)
sleep 0.02
printf '[cache.disk]\ndir = "%s/two"\n' "$T" >c.toml
expect_rc 0 sccache gcc -c a.c -o 2.o
expect_file "$T/two"
[ "$(server_pid)" = "$pid" ] || fail "another server"
