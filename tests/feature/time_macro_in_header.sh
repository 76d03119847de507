#!/bin/bash
# A time macro in a header counts as one in the source.
. "$(dirname "$0")/lib.sh"

echo 'static const char *built = __TIME__;' >t.h
echo '#include "t.h"
const char *f(void) { return built; }' >a.c
age a.c
age t.h
sccache gcc -c a.c -o 1.o
sleep 1.1
sccache gcc -c a.c -o 2.o
expect_differ 1.o 2.o
expect_stat cache_hits 0
