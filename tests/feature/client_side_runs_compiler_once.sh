#!/bin/bash
# One-shot: the second compile does not run the compiler.
. "$(dirname "$0")/lib.sh"

cat >counting <<'S'
#!/bin/sh
case " $* " in *" a.c "*) echo run >>runs ;; esac
exec gcc "$@"
S
chmod +x counting
write_code
export SCCACHE_CLIENT_SIDE=1
: >runs
sccache ./counting -c a.c -o 1.o
once=$(wc -l <runs)
sccache ./counting -c a.c -o 2.o
expect_same 1.o 2.o
[ "$(wc -l <runs)" = "$once" ] || fail "the hit ran the compiler: $once, then $(wc -l <runs)"
