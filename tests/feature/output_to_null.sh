#!/bin/bash
# -o /dev/null leaves /dev/null what it is.
. "$(dirname "$0")/lib.sh"

write_code
before=$(stat -c '%F %t %T %a' /dev/null)
expect_rc 0 sccache gcc -c a.c -o /dev/null
expect_rc 0 sccache gcc -c a.c -o /dev/null
[ "$(stat -c '%F %t %T %a' /dev/null)" = "$before" ] || fail "/dev/null is now $(stat -c '%F %t %T %a' /dev/null)"
mkfifo pipe
(cat pipe >through) &
reader=$!
expect_rc 0 timeout 20 sccache gcc -c a.c -o pipe
wait $reader
gcc -c a.c -o plain.o
[ -p pipe ] || expect_same plain.o pipe
