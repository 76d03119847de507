#!/bin/bash
# A client that is killed takes its compiler with it.
. "$(dirname "$0")/lib.sh"

cat >slow <<'S'
#!/bin/sh
case " $* " in *" -c "*) echo $$ >slow.pid; exec sleep 60 ;; esac
exec gcc "$@"
S
chmod +x slow
write_code
sccache ./slow -c a.c -o 1.o &
client=$!
for _ in $(seq 200); do [ -s slow.pid ] && break; sleep 0.05; done
kill -9 $client
wait $client 2>/dev/null || true
for _ in $(seq 100); do [ -d "/proc/$(cat slow.pid)" ] || break; sleep 0.05; done
[ ! -d "/proc/$(cat slow.pid)" ] || fail "the compiler lives on"
expect_miss sccache gcc -c a.c -o 2.o
