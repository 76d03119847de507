#!/bin/bash
# The compiler's exit code and messages come through; a failure is not stored.
. "$(dirname "$0")/lib.sh"

echo 'int f( { return }' >bad.c
for cc in $(compilers); do
    gcc_rc=0 our_rc=0
    $cc -c bad.c -o bad.o >plain.out 2>plain.err || gcc_rc=$?
    sccache $cc -c bad.c -o bad.o >ours.out 2>ours.err || our_rc=$?
    [ $gcc_rc = $our_rc ] || fail "exit $our_rc, the compiler $gcc_rc"
    expect_same plain.out ours.out
    expect_same plain.err ours.err
    expect_no_file bad.o
done
expect_stat cache_writes 0
[ "$(stat_of compile_fails)" -ge 1 ] || fail "not counted: $(stat_json)"
cat >fail42 <<'S'
#!/bin/sh
case " $* " in *" -c "*) echo broken >&2; exit 42 ;; esac
exec gcc "$@"
S
chmod +x fail42
write_code
expect_rc 42 sccache ./fail42 -c a.c -o 1.o
expect_text "$T/err" broken
