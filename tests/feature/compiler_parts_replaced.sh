#!/bin/bash
# A changed cc1 behind an unchanged driver is another compiler, and the old one hits again.
. "$(dirname "$0")/lib.sh"

real=$(gcc -print-prog-name=cc1)
[ -x "$real" ] || skip "gcc has no cc1 of its own here"
write_code
mkdir parts
cp "$real" parts/cc1
age parts/cc1 "3 days ago"
expect_miss sccache gcc -B"$PWD/parts/" -c a.c -o 1.o
expect_hit sccache gcc -B"$PWD/parts/" -c a.c -o 2.o
cp "$real" parts/cc1.new
printf x >>parts/cc1.new
chmod +x parts/cc1.new
age parts/cc1.new "2 days ago"
mv parts/cc1.new parts/cc1
expect_miss sccache gcc -B"$PWD/parts/" -c a.c -o 3.o
cp "$real" parts/cc1.old
age parts/cc1.old "1 day ago"
mv parts/cc1.old parts/cc1
expect_hit sccache gcc -B"$PWD/parts/" -c a.c -o 4.o
