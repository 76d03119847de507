#!/bin/bash
# SCCACHE_CACHE_SIZE takes the suffixes people write.
. "$(dirname "$0")/lib.sh"

for pair in "1280M 1342177280" "2G 2147483648" "512k 524288" "1T 1099511627776" "12345 12345"; do
    read -r word bytes <<<"$pair"
    SCCACHE_CACHE_SIZE=$word expect_stat max_cache_size "$bytes"
done
