#!/bin/bash
# The local server as a unit of the user.
. /t/lib.sh

command -v useradd >/dev/null || { echo "SKIP: no useradd is installed"; exit 77; }
useradd --create-home --uid 4711 tester || exit 1
systemctl start user@4711.service 2>/dev/null || { echo "SKIP: no service manager for users (libpam-systemd)"; exit 77; }
as() {
    runuser -u tester -- env -i HOME=/home/tester PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 XDG_RUNTIME_DIR=/run/user/4711 \
        DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/4711/bus "$@"
}
servers() { pgrep -u tester -x sccache-server | wc -l; }
state() { as systemctl --user is-active "$1"; }
count() { as sccache --show-stats --stats-format json | grep -o "\"$1\":{\"counts\":{[^}]*}" | grep -o ':[0-9]\+' | tr -d : | awk '{ n += $1 } END { print n + 0 }'; }
compile() { (cd /home/tester && as sccache gcc -c "$1.c" -o "$1.o"); }
for unit in sccache.socket sccache.service; do
    said=$(as systemd-analyze --user verify --recursive-errors=no --man=no /usr/local/lib/systemd/user/$unit 2>&1)
    ok $? "verify $unit" "$said"
    is "nothing to say about $unit" "$said" ""
done
for n in a b c d e; do echo "int $n(void) { return 0; }" >/home/tester/$n.c; done
chown -R tester /home/tester

as systemctl --user enable --now sccache.socket 2>/dev/null
ok $? "systemctl --user enable --now sccache.socket"
is "the socket is the user's alone" "$(stat -c '%U %a' /run/user/4711/sccache /run/user/4711/sccache/server.sock | tr '\n' ' ')" "tester 700 tester 600 "
is "no server yet" "$(servers)" 0
compile a
ok $? "the first compile"
is "started the service" "$(state sccache.service)" active
is "and no other server" "$(servers)" 1
compile a
is "the second is a hit" "$(count cache_hits) $(count cache_misses)" "1 1"
pid=$(as systemctl --user show -p MainPID --value sccache.service)
is "it shares the user's view of files" "$(readlink /proc/"$pid"/ns/mnt)" "$(readlink /proc/self/ns/mnt)"
is "it has no privileges to gain" "$(awk '/^NoNewPrivs/ { print $2 }' /proc/"$pid"/status)" 1

# Ends, comes again.
as sccache --stop-server >/dev/null
ok $? "--stop-server"
within 5 '[ "$(state sccache.service)" = inactive ]'
is "ended well" "$(as systemctl --user show -p Result --value sccache.service)" success
compile b
is "the next compile starts it again" "$? $(state sccache.service) $(servers)" "0 active 1"
kill -SEGV "$(as systemctl --user show -p MainPID --value sccache.service)"
compile c
is "a crash is not noticed" "$? $(servers)" "0 1"

# The recipe for a trace, with the socket unit active.
said=$(as env SCCACHE_NO_DAEMON=1 RUST_LOG=sccache=trace sccache --dist-status 2>/home/tester/trace)
is "--dist-status answers on stdout" "$said" '{"Disabled":"disabled"}'
is "a debugging server beside the service" "$(servers)" 2
[ -s /home/tester/trace ]
ok $? "it writes a trace"
before=$(stat -c %s /home/tester/trace)
compile d
ok $? "a compile while it lives"
within 2 '[ "$(stat -c %s /home/tester/trace)" -gt '"$before"' ]'
ok $? "is in the trace" "$(tail -n 5 /home/tester/trace)"
has "by name" "$(cat /home/tester/trace)" d.o
as sccache --stop-server >/dev/null
ok $? "--stop-server ends the debugging server"
is "and only that" "$(servers) $(state sccache.service)" "1 active"
compile e
is "the service has the work again" "$? $(servers)" "0 1"

# A server that was started before the socket unit was: its end does not take the unit's socket away.
as systemctl --user stop sccache.socket sccache.service 2>/dev/null
compile a
is "without the unit the client starts its own" "$(servers)" 1
as systemctl --user start sccache.socket
ok $? "the socket unit takes over"
kill "$(pgrep -u tester -x sccache-server)"
within 5 '[ "$(servers)" = 0 ]'
[ -S /run/user/4711/sccache/server.sock ]
ok $? "the unit's socket is still there"
compile b
is "and works" "$(state sccache.service) $(servers)" "active 1"
as systemctl --user stop sccache.socket sccache.service
finish
