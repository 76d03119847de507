#!/bin/bash
# The environment overrides the file key by key.
. "$(dirname "$0")/lib.sh"

write_code
printf '[cache.disk]\ndir = "%s/from-file"\nsize = "7M"\n' "$T" >c.toml
export SCCACHE_CONF=$PWD/c.toml
expect_rc 0 sccache gcc -c a.c -o 1.o
expect_stat max_cache_size 7340032
expect_no_file "$T/from-file"
expect_file "$SCCACHE_DIR"
