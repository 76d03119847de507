#!/bin/bash
# Links, archives and tools that are no compilers just run.
. "$(dirname "$0")/lib.sh"

write_code
echo 'int main(void) { return 0; }' >m.c
sleep 0.02
expect_rc 0 sccache gcc m.c -o program
./program
expect_rc 0 sccache gcc -c m.c -o m.o
expect_rc 0 sccache gcc m.o -o program2
./program2
expect_rc 0 sccache ar rcs lib.a m.o
expect_rc 0 sccache ld -r m.o -o r.o
expect_rc 0 sccache true
expect_rc 1 sccache false
expect_rc 3 sccache sh -c 'exit 3'
printf 'words' | sccache cat >through
[ "$(cat through)" = words ] || fail "stdin did not pass"
expect_file lib.a
expect_file r.o
