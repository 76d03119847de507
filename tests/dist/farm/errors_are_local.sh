#!/bin/bash
# A compile that fails elsewhere is repeated here: the messages and the status are the compiler's own, and nothing counts as
# the farm's error.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
use_farm
wait_for_builders 1

printf '#include "gone.h"\nint f(void);\n' >a.c
printf 'int g(void) { return undeclared; }\n' >b.c
for file in a b; do
    status=0
    gcc -g -c $file.c -o $file.o 2>plain.err || status=$?
    expect_rc $status sccache gcc -g -c $file.c -o $file.o
    expect_same plain.err "$T/err"
    expect_no_file $file.o
done
expect_stat compile_fails 2
expect_stat dist_errors 0
expect_stat dist_compiles 1   # the first one never left: its inputs could not be listed

# Not for builders: the time, a file pulled in by the assembler.
printf 'data\n' >m.c
printf 'const char* t = __DATE__;\n' >t.c
printf '__asm__(".incbin \\"m.c\\"");\n' >i.c
sccache gcc -c t.c -o t.o
sccache gcc -c i.c -o i.o
expect_stat dist_compiles 1
