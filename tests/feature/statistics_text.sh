#!/bin/bash
# The text of -s has the labels people's scripts look for.
. "$(dirname "$0")/lib.sh"

write_code
sccache gcc -c a.c -o 1.o
sccache gcc -c a.c -o 2.o
sccache gcc -E a.c >/dev/null
sccache -s >text
for label in "Compile requests  " "Compile requests executed" "Cache hits  " "Cache hits (C/C++)" "Cache misses  " "Cache hits rate" "Cache timeouts" \
    "Cache read errors" "Forced recaches" "Cache write errors" "Compilations  " "Compilation failures" "Non-cacheable compilations" "Non-cacheable calls" \
    "Non-compilation calls" "Unsupported compiler calls" "Average cache write" "Average compiler" "Average cache read hit" "Failed distributed compilations" \
    "Cache location" "Local disk:" "Version (client)" "Max cache size"; do
    expect_text text "$label"
done
expect_text text "50.00 %"
sccache --show-adv-stats >adv
expect_text adv "Cache hits (c \[gcc\])"
