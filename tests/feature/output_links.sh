#!/bin/bash
# An output that is a symlink, a hard link or read-only is treated as the compiler treats it.
. "$(dirname "$0")/lib.sh"

write_code
scene() { # DIRECTORY: the same situation for plain and for us
    mkdir "$1"
    (cd "$1" && echo old >target && ln -s target sym.o && echo old >one && ln one hard.o && echo old >ro.o && chmod 444 ro.o && echo old >private.o && chmod 600 private.o && ln -s nowhere dangling.o
     echo old >dep && ln -s dep sym.d)
}
describe() { (cd "$1" && for f in $(ls | sort); do echo "$f $(stat -c '%F %a %h' "$f") $(readlink "$f" || true) $(sha256sum <"$f" 2>/dev/null | cut -c1-16 || true)"; done); }
scene plain
scene first
scene second
for where in plain first second; do
    prefix=(sccache)
    [ $where = plain ] && prefix=()
    for o in sym.o hard.o ro.o private.o dangling.o; do "${prefix[@]}" gcc -MD -MF deps -MT t -c a.c -o $where/$o; mv deps $where/deps; done
    "${prefix[@]}" gcc -MD -MF $where/sym.d -MT t -c a.c -o $where/new.o
done
describe plain >plain.txt
describe first >first.txt
describe second >second.txt
diff plain.txt first.txt >&2 || fail "first differs"
diff plain.txt second.txt >&2 || fail "second differs"
[ "$(stat_of cache_hits)" -ge 6 ] || fail "few hits: $(stat_json)"
