#!/bin/bash
# The cache stays near its limit, and the newest entry survives.
. "$(dirname "$0")/lib.sh"

export SCCACHE_CACHE_SIZE=1M
for i in $(seq 40); do
    printf 'const char blob%s[] = {' "$i" >a.c
    head -c 40000 /dev/urandom | od -An -v -tu1 | tr -s ' \n' ',,' | sed 's/^,//; s/,$//' >>a.c
    echo '};' >>a.c
    sleep 0.01
    [ "$i" -lt 40 ] || sleep 3 # clearly the newest
    sccache gcc -c a.c -o 1.o
done
sleep 1
used=$(du -sk "$SCCACHE_DIR" | cut -f1)
[ "$used" -le 2048 ] || fail "$used KiB of 1024 are used"
expect_hit sccache gcc -c a.c -o 2.o
expect_same 1.o 2.o
expect_stat max_cache_size 1048576
