#!/bin/bash
# -o /dev/null leaves /dev/null what it is.
. "$(dirname "$0")/lib.sh"

write_code
before=$(stat -c '%F %t %T %a' /dev/null)
expect_rc 0 sccache gcc -c a.c -o /dev/null
expect_rc 0 sccache gcc -c a.c -o /dev/null
[ "$(stat -c '%F %t %T %a' /dev/null)" = "$before" ] || fail "/dev/null is now $(stat -c '%F %t %T %a' /dev/null)"
# A pipe: the assembler cannot seek in it and fails; so do we, and the pipe stays a pipe.
mkfifo pipe
(cat pipe >/dev/null) &
plain_rc=0
timeout 20 gcc -c a.c -o pipe 2>/dev/null || plain_rc=$?
wait
rm -f pipe
mkfifo pipe
(cat pipe >/dev/null) &
expect_rc $plain_rc timeout 20 sccache gcc -c a.c -o pipe
wait
