#!/bin/bash
# Mode auto: this machine's cores are used first, what does not fit goes out, probes and tiny files stay; a client that goes
# away takes its job back.
. "$(dirname "$0")/farm_lib.sh"

export SCCACHE_LOCAL_SLOTS=1
start_scheduler
start_builder 1
use_farm auto
wait_for_builders 1

heavy() {  # a file whose compile takes a while
    echo "#include <map>"
    echo "#include <string>"
    for n in $(seq 60); do echo "std::map<std::string, std::map<int, std::string>> f$n(int x) { std::map<std::string, std::map<int, std::string>> m; m[\"$1\"][x] = \"$n\"; return m; }"; done
}
for i in $(seq 8); do heavy "$i" >h$i.cc; done
sleep 0.05
build() {
    local pids=() pid
    for i in $(seq 8); do sccache g++ -O1 -c h$i.cc -o h$i.o & pids+=($!); done
    for pid in "${pids[@]}"; do wait "$pid" || fail "a compile failed"; done
}
# The first build asks for the toolchain, which is being packed: nobody waits for it.
build
for _ in $(seq 300); do [ -s "$T/client-toolchains/client/weak_map.json" ] && break; sleep 0.1; done
expect_file "$T/client-toolchains/client/weak_map.json"
sleep 1
before=$(stat_of dist_compiles)
export SCCACHE_RECACHE=1
build
after=$(stat_of dist_compiles)
[ "$after" -gt "$before" ] || fail "nothing went out: $(stat_json)"
[ $((after - before)) -lt 8 ] || fail "this machine's core was not used"
for i in 1 8; do
    g++ -O1 -c h$i.cc -o plain.o
    expect_same plain.o h$i.o
done
unset SCCACHE_RECACHE
# Alone it stays: the core here is free.
heavy 9 >h9.cc
sccache g++ -O1 -c h9.cc -o h9.o
expect_stat dist_compiles "$after"

# A client that dies: its job is cancelled, and the server goes on.
sed -i 's/mode = "auto"/mode = "always"/' "$HOME/.config/sccache/config"
heavy 10 >h10.cc
sccache g++ -O2 -c h10.cc -o h10.o &
client=$!
sleep 1
kill -9 $client 2>/dev/null || true
wait $client 2>/dev/null || true
expect_no_file h10.o
heavy 11 >h11.cc
expect_away sccache g++ -O1 -c h11.cc -o h11.o
g++ -O1 -c h11.cc -o plain.o
expect_same plain.o h11.o
expect_stat dist_errors 0
