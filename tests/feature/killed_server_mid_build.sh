#!/bin/bash
# A server killed again and again during a build harms no object.
. "$(dirname "$0")/lib.sh"

for i in $(seq 30); do printf '#include <stdio.h>\nint f%s(void) { return printf("%s"); }\n' "$i" "$i" >"a$i.c"; done
sleep 0.02
for i in $(seq 30); do gcc -O1 -c "a$i.c" -o "plain$i.o"; done
(while [ ! -e done ]; do pid=$(server_pid); [ -z "$pid" ] || kill -9 "$pid" 2>/dev/null; sleep 0.05; done) &
killer=$!
for round in 1 2; do
    seq 30 | xargs -P 4 -I{} sccache gcc -O1 -c a{}.c -o ours{}.o || { touch done; fail "a compile failed"; }
done
touch done
wait $killer
for i in $(seq 30); do expect_same "plain$i.o" "ours$i.o"; done
