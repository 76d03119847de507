#!/bin/bash
# Objects get the mode that umask gives, on a miss and on a hit.
. "$(dirname "$0")/lib.sh"

write_code
for mask in 022 077 002 027; do
    umask $mask
    gcc -c a.c -o "plain$mask.o"
    sccache gcc -c a.c -o "first$mask.o"
    sccache gcc -c a.c -o "second$mask.o"
    [ "$(stat -c %a plain$mask.o)" = "$(stat -c %a first$mask.o)" ] || fail "first, umask $mask: $(stat -c %a first$mask.o)"
    [ "$(stat -c %a plain$mask.o)" = "$(stat -c %a second$mask.o)" ] || fail "second, umask $mask: $(stat -c %a second$mask.o)"
done
[ "$(stat_of cache_hits)" -ge 7 ] || fail "few hits: $(stat_json)"
