#!/bin/bash
# The compiler is looked up in the caller's PATH, with relative and empty parts.
. "$(dirname "$0")/lib.sh"

write_code
mkdir -p bin
cat >bin/mycc <<'S'
#!/bin/sh
exec gcc -DANSWER_FROM_WRAPPER "$@"
S
chmod +x bin/mycc
PATH=bin:$PATH expect_rc 0 sccache mycc -c a.c -o 1.o
expect_rc 0 sccache ./bin/mycc -c a.c -o 2.o
expect_rc 0 sccache "$PWD/bin/mycc" -c a.c -o 3.o
expect_same 1.o 2.o
expect_same 1.o 3.o
expect_rc 2 sccache nosuchcompiler -c a.c -o 4.o
expect_text "$T/err" "nosuchcompiler"
expect_no_file 4.o
