#!/bin/bash
# The configuration may be TOML, JSON or YAML, by its ending; null in JSON means absent.
. "$(dirname "$0")/lib.sh"

write_code
unset SCCACHE_DIR
printf '[cache.disk]\ndir = "%s/t"\nsize = "5M"\n' "$T" >c.toml
printf '{"cache": {"disk": {"dir": "%s/j", "size": "5M"}, "s3": null}}\n' "$T" >c.json
printf 'cache:\n  disk:\n    dir: %s/y\n    size: 5M\n' "$T" >c.yaml
for pair in "c.toml t" "c.json j" "c.yaml y"; do
    read -r file into <<<"$pair"
    export SCCACHE_CONF=$PWD/$file
    expect_rc 0 sccache gcc -c a.c -o 1.o
    expect_file "$T/$into"
    expect_stat max_cache_size 5242880
done
