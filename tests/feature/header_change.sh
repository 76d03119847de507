#!/bin/bash
# A changed header is a miss; the old content is a hit again.
. "$(dirname "$0")/lib.sh"

write_code
expect_miss sccache gcc -c a.c -o 1.o
cp h.h old.h
printf '#define ANSWER 43\nint helper(int);\n' >h.h
sleep 0.02
expect_miss sccache gcc -c a.c -o 2.o
expect_differ 1.o 2.o
expect_hit sccache gcc -c a.c -o 2b.o
expect_same 2.o 2b.o
cp old.h h.h
sleep 0.02
expect_hit sccache gcc -c a.c -o 1b.o
expect_same 1.o 1b.o
# Same size, same mtime: content decides.
stamp=$(stat -c %y h.h)
printf '#define ANSWER 44\nint helper(int);\n' >h.h
touch -d "$stamp" h.h
gcc -c a.c -o plain.o
expect_miss sccache gcc -c a.c -o 3.o
expect_same plain.o 3.o
