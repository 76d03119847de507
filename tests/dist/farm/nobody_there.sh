#!/bin/bash
# A scheduler that is down costs one delay, not one a file, and never a compile; refused tokens likewise.
. "$(dirname "$0")/farm_lib.sh"

SCHEDULER=127.0.0.1:$(free_port)
use_farm
farm_status >status
expect_text status "{\"NotConnected\":\[\"http://$SCHEDULER/\",\"could not communicate with scheduler: .*refused"
for i in 1 2 3 4 5; do printf 'int f%d;\n' $i >f$i.c; done
start=$(date +%s%N)
for i in 1 2 3 4 5; do sccache gcc -c f$i.c -o f$i.o; done
took=$((($(date +%s%N) - start) / 1000000))
[ $took -lt 15000 ] || fail "five files took $took ms"
expect_stat dist_compiles 0
expect_stat dist_errors 0
expect_stat cache_misses 5

sccache --stop-server >/dev/null
start_scheduler
TOKEN=another-token-0123456789abcdef0123 use_farm
printf 'int g;\n' >g.c
sccache gcc -c g.c -o g.o
expect_file g.o
expect_stat dist_errors 1

# One that accepts connections and says nothing costs a few seconds, once.
sccache --stop-server >/dev/null
use_farm
kill -STOP "$SCHEDULER_PID"
for i in 1 2 3; do printf 'int h%d;\n' $i >h$i.c; done
start=$(date +%s%N)
for i in 1 2 3; do sccache gcc -c h$i.c -o h$i.o; done
took=$((($(date +%s%N) - start) / 1000000))
kill -CONT "$SCHEDULER_PID"
[ $took -lt 10000 ] || fail "three files took $took ms beside a stopped scheduler"
expect_stat dist_compiles 0

sccache --stop-server >/dev/null
rm "$HOME/.config/sccache/config"
[ "$(farm_status)" = '{"Disabled":"disabled"}' ] || fail "status without a farm: $(farm_status)"
farm_status --format text | grep -q 'no scheduler_url is set' || fail "status for people: $(farm_status --format text)"
