#!/bin/bash
# At the end of a build a free core here does not wait for a slow builder: it compiles the job as well, and the builder's
# work is cancelled.
. "$(dirname "$0")/farm_lib.sh"

export SCCACHE_LOCAL_SLOTS=1 FEATURE_COMPILERS=gcc
start_scheduler
start_builder 1
use_farm always
wait_for_builders 1

heavy() {
    for n in $(seq 150); do echo "static int g$n(int x) { int s = $1; for (int i = 0; i < x; i++) s += i * $n; return s; } int f$n(int x) { return g$n(x) + g$n(x + 1); }"; done
}
for i in 1 2 3; do heavy $i >h$i.c; done
sleep 0.05
expect_away sccache gcc -O1 -c h1.c -o h1.o  # the builder has the toolchain now, and the past of h1 is known
sed -i 's/mode = "always"/mode = "auto"/' "$HOME/.config/sccache/config"
before=$(stat_of dist_compiles)
started() { grep -c 'starts in slot' "$T/builder1.log"; }
had=$(started)

begin=$(date +%s)
pids=()
for i in 1 2 3; do SCCACHE_RECACHE=1 sccache gcc -O1 -c h$i.c -o h$i.o & pids+=($!); done
for _ in $(seq 100); do [ "$(started)" -gt "$had" ] && break; sleep 0.05; done
[ "$(started)" -gt "$had" ] || fail "nothing went out"
processes_of() { echo "$1"; for child in $(pgrep -P "$1"); do processes_of "$child"; done; }
kill -STOP "${BUILDER_PID[1]}"
kill -STOP $(processes_of "${BUILDER_PID[1]}") 2>/dev/null || true  # the job makes no more progress
for pid in "${pids[@]}"; do wait "$pid" || fail "a compile failed"; done
took=$(($(date +%s) - begin))
[ $took -lt 60 ] || fail "the build waited $took s for a builder that sleeps"
[ "$(stat_of dist_compiles)" -lt $((before + 3)) ] || fail "nothing was compiled here"
expect_stat dist_errors 0
for i in 1 2 3; do
    gcc -O1 -c h$i.c -o plain.o
    expect_same plain.o h$i.o
done
kill -CONT "${BUILDER_PID[1]}"
cancelled() { grep -Eq 'Job [0-9]+ cancelled' "$T/builder1.log"; }
for _ in $(seq 100); do cancelled && break; sleep 0.1; done
kill -CONT $(processes_of "${BUILDER_PID[1]}") 2>/dev/null || true
cancelled || fail "the builder goes on: $(tail -3 "$T/builder1.log")"
# The farm is as before.
sed -i 's/mode = "auto"/mode = "always"/' "$HOME/.config/sccache/config"
heavy 9 >h9.c
sleep 0.05
expect_away sccache gcc -O1 -c h9.c -o h9.o
