#!/bin/bash
# Builders that die in the middle of a build cost time, not the build: every object comes out as the plain compiler makes it.
. "$(dirname "$0")/farm_lib.sh"

start_scheduler
start_builder 1
start_builder 2
use_farm
wait_for_builders 2

for i in $(seq 40); do
    printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint f%d(int x) { return x * %d; }\n' "$i" "$i" >f$i.c
done
cat >Makefile <<'MAKE'
OBJECTS = $(patsubst %,f%.o,$(shell seq 40))
all: $(OBJECTS)
%.o: %.c
	$(CC) -O2 -g -c $< -o $@
MAKE
sccache gcc -O2 -g -c f1.c -o f1.o   # the toolchain is packed before the clock runs
rm -f f1.o
(sleep 0.7; kill -9 "${BUILDER_PID[1]}"; sleep 0.7; kill -9 "${BUILDER_PID[2]}") &
killer=$!
timeout 120 make -s -j12 CC="sccache gcc" || fail "the build failed"
wait $killer || true
for i in $(seq 40); do
    gcc -O2 -g -c f$i.c -o plain.o
    expect_same plain.o f$i.o
done
[ "$(stat_of dist_compiles)" -ge 1 ] || fail "nothing was distributed"
expect_stat compile_fails 0

# Nobody is left: the next build is local, at once, and says so once.
start=$(date +%s)
printf 'int last;\n' >last.c
sccache gcc -c last.c -o last.o
[ $(($(date +%s) - start)) -lt 30 ] || fail "the dead farm cost $(($(date +%s) - start)) s"
