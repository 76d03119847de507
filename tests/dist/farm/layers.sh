#!/bin/bash
# Headers of the system that jobs have in common go to a builder once, as a layer. Whatever happens to them after that, and
# to the layer, a job makes what it makes here.

# Such headers, where nobody minds: laid over /usr/include in a mount namespace of this test's own.
if [ "${1:-}" != inside ]; then
    skip() { echo "SKIP: $*"; exit 77; }
    [ "$(id -u)" = 0 ] || skip "not root: no headers can be laid over /usr/include"
    unshare -m true 2>/dev/null || skip "no mount namespaces can be made here"
    over=$(mktemp -d)
    export over
    trap 'rm -rf "$over"' EXIT
    unshare -m bash -c '
        mount -t tmpfs tmpfs "$over" && mkdir "$over/up" "$over/work" &&
            mount -t overlay -o "lowerdir=/usr/include,upperdir=$over/up,workdir=$over/work" overlay /usr/include || exit 76
        exec bash "$0" inside' "$(realpath "$0")"
    rc=$?
    [ $rc != 76 ] || skip "no overlay can be mounted on /usr/include here"
    exit $rc
fi
. "$(dirname "$0")/farm_lib.sh"

H=/usr/include/sccache-layer-test
mkdir -p $H/sub
printf '#define A 1\n' >$H/a.h
printf '#define B 2\n' >$H/sub/b.h
printf '#define OPTION 3\n' >$H/option.h
sleep 0.05

start_scheduler
start_builder 1
use_farm
wait_for_builders 1
export SCCACHE_LOG=debug SCCACHE_ERROR_LOG=$T/client.log

cat >t.c <<C
#include <stdio.h>
#include <sccache-layer-test/a.h>
#include <sccache-layer-test/sub/b.h>
#if __has_include(<sccache-layer-test/option.h>)
#include <sccache-layer-test/option.h>
#else
#define OPTION 0
#endif
int main(void) { return printf("%d\n", A + B + OPTION); }
C
# Asked for and not read: in no list of what the compiler read.
cat >asks.c <<C
#include <stdio.h>
#if __has_include(<sccache-layer-test/option.h>)
int asked = 1;
#else
int asked = 0;
#endif
C
# Each time another source, so that nothing comes from the cache; the object is always what it is here.
round=0
made_there() {
    round=$((round + 1))
    local source=${1:-t.c}
    { cat "$source"; echo "int round$round;"; } >"r.$source"
    sleep 0.05
    expect_away sccache gcc -g -c "r.$source" -o r.o
    gcc -g -c "r.$source" -o plain.o
    expect_same plain.o r.o
}
received() { grep -c 'Layer .* received' "$T/builder1.log"; }
expect_received() { [ "$(received)" = "$1" ] || fail "the builder has $(received) layers, not $1: $(grep -i layer "$T"/*.log | tail -5)"; }
sent() { grep -o '[0-9]* bytes sent' "$T/client.log" | tail -1 | cut -d' ' -f1; }

made_there
whole=$(sent)
expect_received 0
made_there asks.c
made_there
expect_received 1
[ "$(sent)" -lt $((whole / 5)) ] || fail "$(sent) bytes were sent with the layer, $whole without"
made_there
made_there
expect_received 1

# A header changes. Its directory does not.
printf '#define A 7\n' >$H/a.h
made_there
# One comes that was not there, then goes: the layer must not keep it alive.
printf '#define OPTION 4\n' >$H/option.h
made_there
rm $H/option.h
made_there asks.c
made_there
made_there
printf '#define OPTION 5\n' >$H/option.h
for _ in 1 2 3; do made_there; done
rm -r $H/sub
mkdir $H/else
printf '#define B 9\n' >$H/else/b.h
ln -s else $H/sub
# Layers that did not live long make the client cautious, but not for ever.
for _ in $(seq 40); do
    made_there
    [ "$(sent)" -ge $((whole / 5)) ] || break
done
[ "$(sent)" -lt $((whole / 5)) ] || fail "no new layer was made"
before=$(received)

# The builder loses what it has.
kill "${BUILDER_PID[1]}"
wait "${BUILDER_PID[1]}" 2>/dev/null
rm -rf "$T/builder1/toolchains"
start_builder 1
for _ in $(seq 100); do
    [ "$(grep -c 'Server connected' "$T/builder1.log")" -lt 2 ] || break
    sleep 0.1
done
wait_for_builders 1
made_there
[ "$(received)" -gt "$before" ] || fail "the layer was not brought again"
made_there

# One whose sandbox takes no layers gets everything, with the same allocation.
kill "${BUILDER_PID[1]}"
wait "${BUILDER_PID[1]}" 2>/dev/null || true
BUILDER[2]=${BUILDER[1]}
BUILDER_SANDBOX=bwrap start_builder 2
for _ in $(seq 100); do
    kill -0 "${BUILDER_PID[2]}" 2>/dev/null || break
    ! grep -q 'Server connected' "$T/builder2.log" || break
    sleep 0.1
done
if kill -0 "${BUILDER_PID[2]}" 2>/dev/null; then
    wait_for_builders 1
    made_there
    expect_text "$T/client.log" 'it takes no layers'
    [ "$(sent)" -ge $((whole / 5)) ] || fail "$(sent) bytes were sent"
    made_there
else
    echo "not tried: bubblewrap, which does not work here"
fi

# A file that a source asks for and that appears is not in the list of the last time.
! grep 'compiled again here' "$T/client.log" | grep -v option.h || fail "something was compiled twice"
expect_stat dist_errors 0
