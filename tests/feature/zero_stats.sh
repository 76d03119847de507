#!/bin/bash
# -z sets the counters to zero and says so.
. "$(dirname "$0")/lib.sh"

write_code
sccache gcc -c a.c -o 1.o
sccache gcc -c a.c -o 2.o
expect_stat cache_hits 1
expect_rc 0 sccache -z
expect_text "$T/out" "Statistics zeroed."
expect_stat cache_hits 0
expect_stat compile_requests 0
expect_hit sccache gcc -c a.c -o 3.o
