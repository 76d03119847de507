#!/bin/bash
# Every form of dependency file is byte-equal to the plain compiler's, on a miss and on a hit.
. "$(dirname "$0")/lib.sh"

mkdir sub
write_code
printf '#include "h.h"\n#include <stddef.h>\nint g(int x) { return x + ANSWER; }\n' >'odd name.c'
sleep 0.02
forms=("-MD" "-MMD" "-MD -MF u.d" "-MMD -MF u.d" "-MD -MT target" "-MMD -MT target -MF u.d" "-MD -MQ \$(x)" "-MD -MP" "-MMD -MP -MF u.d"
       "-MD -MT a -MT b -MP" "-Wp,-MD,u.d" "-Wp,-MMD,u.d" "-Wp,-MD,u.d,-MT,t" "-MFu.d -MD" "-MD -MF sub/u.d" "-MMD -MF sub/u.d -MT sub/x.o")
run_in() { # DIRECTORY COMMAND...: only the dependency files of it are kept
    local into=$1
    shift
    rm -rf "$into" u.d sub/u.d ./*.d o
    mkdir "$into" o
    "$@" >"$T/o" 2>"$T/e" || { cat "$T/e" >&2; fail "exit $? from: $*"; }
    find . -name '*.d' -not -path "./plain/*" -not -path "./first/*" -not -path "./second/*" -type f | sort | while read -r f; do
        cp "$f" "$into/$(echo "$f" | tr / _)"
    done
    cp o/x.o "$into/x.o"
}
for cc in $(compilers); do
    for source in a.c "odd name.c"; do
        for form in "${forms[@]}"; do
            # shellcheck disable=SC2206
            flags=($form)
            run_in plain "$cc" "${flags[@]}" -c "$source" -o o/x.o
            run_in first sccache "$cc" "${flags[@]}" -c "$source" -o o/x.o
            run_in second sccache "$cc" "${flags[@]}" -c "$source" -o o/x.o
            diff -r plain first >&2 || fail "$cc $form of $source: the miss differs"
            diff -r plain second >&2 || fail "$cc $form of $source: the second run differs"
        done
    done
done
[ "$(stat_of cache_hits)" -ge 20 ] || fail "few hits: $(stat_json)"
