#!/bin/bash
# A miss runs the compiler once, a hit not at all.
. "$(dirname "$0")/lib.sh"

cat >counting <<'S'
#!/bin/sh
case " $* " in *" a.c "*) echo run >>runs ;; esac
exec gcc "$@"
S
chmod +x counting
write_code
: >runs
expect_miss sccache ./counting -c a.c -o 1.o
[ "$(wc -l <runs)" = 1 ] || fail "a miss ran it $(wc -l <runs) times"
expect_hit sccache ./counting -c a.c -o 2.o
[ "$(wc -l <runs)" = 1 ] || fail "a hit ran it"
