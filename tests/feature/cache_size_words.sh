#!/bin/bash
# SCCACHE_CACHE_SIZE takes the suffixes people write.
. "$(dirname "$0")/lib.sh"

for pair in "1280M 1342177280" "2G 2147483648" "512k 524288" "1T 1099511627776" "12345 12345"; do
    read -r word bytes <<<"$pair"
    SCCACHE_CACHE_SIZE=$word sccache -s --stats-format json | python3 -c '
import json, sys
got = json.load(sys.stdin)["max_cache_size"]
sys.exit(0 if got == int(sys.argv[1]) else f"max_cache_size is {got}")' "$bytes" || fail "$word"
done
