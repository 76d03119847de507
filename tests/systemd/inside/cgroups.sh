#!/bin/bash
# A job's limits by control group, on a machine whose groups have the memory and pids controllers:
#   cgroups.sh [rootless] [root] [bwrap]
# Three times the same: as the unit's own user, as root, and with bubblewrap.
. /t/lib.sh
[ $# -gt 0 ] || set -- rootless root bwrap

memory=$((160 << 20)) processes=32
limits="[limits]
slots = 2
job_memory = \"160M\"
job_processes = $processes
job_time = 40"
unit_group=/sys/fs/cgroup/system.slice/$B

key=$(sccache-dist auth generate-jwt-hs256-key)
scheduler_conf
client_conf
export SCCACHE_DIR=/tmp/cache SCCACHE_ERROR_LOG=/tmp/server.log
mkdir -p /tmp/src /tmp/greedy && cd /tmp/src || exit 1
gcc -O1 -static -o /tmp/greedy/gcc /t/greedy.c || exit 1

value() { cat "$unit_group/$1" 2>/dev/null; }
event() { awk -v name="$2" '$1 == name { print $2 }' "$unit_group/$1" 2>/dev/null; }            # event FILE NAME
total() { local n=0 s; for s in 0 1; do n=$((n + $(event slot-$s/$1 "$2"))); done; echo $n; }     # over all slots
procs() { cat "$unit_group"/slot-*/cgroup.procs | sort -n; }
busy() { [ -n "$(procs)" ]; }
commands() { local pid; for pid in $(procs); do { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null; echo; done; }
quiet() {  # nothing of a job is left, nor the process that waits a little for the next one
    within 20 '! busy'
    ok $? "$1: no process is left in a slot" "$(commands)"
    within 20 '[ "$(total memory.stat shmem)" = 0 ]'
    ok $? "$1: nor a file in memory" "$(grep -H . "$unit_group"/slot-*/memory.current)"
}
groups_are_right() {
    local s
    for s in 0 1; do
        is "$1: slot $s: memory, processes, dies as a whole, swap" \
            "$(value slot-$s/memory.max) $(value slot-$s/pids.max) $(value slot-$s/memory.oom.group) $(value slot-$s/memory.swap.max)" "$memory $processes 1 0"
    done
    is "$1: one group for each slot" "$(cd "$unit_group" && echo slot-*)" "slot-0 slot-1"
    is "$1: no process beside the leaves" "$(value cgroup.procs)" ""
    has "$1: the daemon is in its leaf" " $(value daemon/cgroup.procs | tr '\n' ' ')" " $(pid_of $B) "
    has "$1: and so is the parent of the jobs" " $(value daemon/cgroup.procs | tr '\n' ' ')" " $(pgrep -P "$(pid_of $B)" | head -n 1) "
}
# home COMPILER FILE.c WHAT: the farm cannot do it, and the user does not notice.
home() {
    local before
    before=$(dist_count)
    sccache "$1" -c "$2" -o home.o >home.said 2>&1
    ok $? "$3: the compile succeeds" "$(cat home.said)"
    is "$3: at home" $(($(dist_count) - before)) 0
    "$1" -c "$2" -o plain.o && cmp home.o plain.o
    ok $? "$3: the object is the plain compiler's"
    is "$3: nothing is said" "$(cat home.said)" ""
    rm -f home.o plain.o
    fresh_client
}
there() {  # there COMPILER FILE.c WHAT: it can, at the first try
    local before
    before=$(dist_count)
    sccache "$1" -c "$2" -o there.o >there.said 2>&1
    ok $? "$3: the compile succeeds" "$(cat there.said)"
    [ $(($(dist_count) - before)) = 1 ]
    ok $? "$3: on the builder" "$(tail -n 30 /tmp/server.log; lines -u $S -u $B -n 10)"
    "$1" -c "$2" -o plain.o && cmp there.o plain.o
    ok $? "$3: the object is the plain compiler's"
    rm -f there.o plain.o
}
# As in lib.sh, but the new server keeps a log: of why a compile stayed at home.
fresh_client() {
    sccache --stop-server >/dev/null 2>&1
    SCCACHE_LOG=debug sccache --start-server >/dev/null 2>&1
}
source_of() {  # the name of a new file that was never compiled
    local name
    name=s$(date +%s%N)
    echo "const char *$name = \"$*\";" >"$name.c"
    echo "$name.c"
}

# level NAME DESCRIPTION
level() {
    local name=$1 pid before text
    builder_conf "$limits"
    [ "$name" != bwrap ] || sed -i 's/^type = "overlay"/&\nsandbox = "bwrap"/' /etc/sccache/builder.conf
    systemctl restart $B
    must $? "$name: the builder starts" "$(systemctl status $B 2>&1; lines -u $B -n 20)"
    pid=$(pid_of $B)
    known
    fresh_client
    has "$name: STATUS" "$(show $B StatusText)" "sandbox: $2, cgroup limits"
    hasnt "$name: the log agrees" "$(lines -u $B _PID="$pid")" "No limits by control group"
    groups_are_right "$name"

    there gcc "$(source_of plain)" "$name: a compile"
    quiet "$name: a compile"

    # While it runs.
    slow_c | sed 's/) C(2.*/)/' >"slow-$name.c"
    sccache gcc -O2 -c "slow-$name.c" -o slow.o >slow.said 2>&1 &
    within 30 'commands | grep -q cc1'
    ok $? "$name: while it runs, the compiler is in a slot's group" "$(systemctl status $B 2>&1)"
    text=$(commands)
    echo "# $name: in the slots: $(sed 's/\(.\{60\}\).*/\1.../' <<<"$text" | tr '\n' '|')"
    is "$name: all of one job in the same" "$(pgrep 'cc1|gcc' | while read -r p; do grep -o '/slot-[01]$' "/proc/$p/cgroup"; done | sort -u | wc -l)" 1
    pgrep 'cc1|gcc' | while read -r p; do grep -q '/slot-[01]$' "/proc/$p/cgroup" || echo "$p is in $(cat "/proc/$p/cgroup")"; done >elsewhere
    is "$name: no compiler is elsewhere" "$(cat elsewhere)" ""
    wait $!
    ok $? "$name: it ends well" "$(cat slow.said)"
    quiet "$name: afterwards"

    # Memory, by several processes which each stay below the limit.
    before=$(total memory.events oom_kill)
    home /tmp/greedy/gcc "$(source_of EAT)" "$name: too much memory"
    [ "$(total memory.events oom_kill)" -gt "$before" ]
    ok $? "$name: the kernel has killed for memory" "$(grep -H . "$unit_group"/slot-*/memory.events)"
    has "$name: the log tells the reason" "$(lines -u $B _PID="$pid" -n 8)" "most likely for its memory"
    echo "# $name: $(grep -Hs oom "$unit_group"/slot-*/memory.events | sed "s,$unit_group/,," | tr '\n' ' ')"
    is "$name: not in the daemon's group" "$(event daemon/memory.events oom_kill)" 0
    quiet "$name: too much memory"
    there /tmp/greedy/gcc "$(source_of modest)" "$name: the next job"
    if [ "$name" != bwrap ]; then
        # By files: what a job writes is memory as well.
        echo 'char big[200 << 20] = {1};' >"big-$name.c"
        before=$(total memory.events oom_kill)
        home gcc "big-$name.c" "$name: too large files"
        [ "$(total memory.events oom_kill)" -gt "$before" ]
        ok $? "$name: the kernel has killed for files" "$(grep -H . "$unit_group"/slot-*/memory.events; lines -u $B _PID="$pid" -n 3)"
        quiet "$name: too large files"
        there gcc "$(source_of modest)" "$name: the next job"
    fi

    # Processes.
    before=$(total pids.events max)
    home /tmp/greedy/gcc "$(source_of FORK)" "$name: too many processes"
    text=$(lines -u $B _PID="$pid" | grep -o 'greedy: no more than [0-9]*' | tail -n 1)
    [ "${text##* }" -ge $((processes - 6)) ] && [ "${text##* }" -lt "$processes" ]   # the sandbox has some
    ok $? "$name: refused at the limit" "$text; $(lines -u $B -n 5)"
    echo "# $name: $text; pids.events max: $before, then $(total pids.events max)"
    quiet "$name: too many processes"
    # The process's own limit is the same number: with a lower one of the group it is clear who counts.
    for s in 0 1; do echo 12 >"$unit_group/slot-$s/pids.max"; done
    before=$(total pids.events max)
    home /tmp/greedy/gcc "$(source_of FORK)" "$name: too many for the group"
    [ "$(total pids.events max)" -gt "$before" ]
    ok $? "$name: the group has refused" "$(grep -H . "$unit_group"/slot-*/pids.events)"
    text=$(lines -u $B _PID="$pid" | grep -o 'greedy: no more than [0-9]*' | tail -n 1)
    [ "${text##* }" -gt 5 ] && [ "${text##* }" -lt 12 ]
    ok $? "$name: at its limit" "$text"
    for s in 0 1; do echo $processes >"$unit_group/slot-$s/pids.max"; done
    there gcc "$(source_of modest)" "$name: the next job"
    if [ "$name" = rootless ]; then
        sccache /tmp/greedy/gcc -c "$(source_of ENDLESS)" -o endless.o >endless.said 2>&1 &
        within 10 '[ "$(procs | wc -l)" -ge 30 ]'
        ok $? "$name: it forks without end" "$(commands)"
        is "$name: the daemon answers meanwhile" "$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 http://127.0.0.1:10600/api/sccache/status -H "Authorization: Bearer $token")" 200
        wait $!
        ok $? "$name: endless: the compile succeeds" "$(cat endless.said)"
        is "$name: endless: the object is right" "$(cat endless.o)" object
        has "$name: the log tells the reason" "$(lines -u $B _PID="$pid" -n 8)" "the compiler ran longer than 40 s"
        fresh_client
        quiet "$name: endless"
        there gcc "$(source_of modest)" "$name: the next job"
    fi
    is "$name: it was never restarted" "$(pid_of $B) $(show $B NRestarts)" "$pid 0"
    is "$name: nor does systemd think that it suffered" "$(systemctl is-active $B) $(show $B Result)" "active success"

    # Reload: the process that asks for it has to be in some group as well.
    systemctl reload $B
    ok $? "$name: reload" "$(systemctl status $B 2>&1)"
    groups_are_right "$name: reloaded"
    # A crash in the middle of a job.
    sccache gcc -O2 -c "slow-$name.c" -DAGAIN -o slow.o >slow.said 2>&1 &
    within 30 'commands | grep -q cc1'
    ok $? "$name: a job runs" "$(cat slow.said)"
    procs >orphans
    kill -SEGV "$pid"
    within 60 '[ "$(show $B NRestarts)" = 1 ] && [ "$(systemctl is-active $B)" = active ]'
    ok $? "$name: a crash is followed by a restart" "$(systemctl status $B 2>&1)"
    is "$name: the crashed one's jobs are gone" "$(while read -r p; do [ ! -e "/proc/$p" ] || cat "/proc/$p/cmdline"; done <orphans)" ""
    has "$name: STATUS after the crash" "$(show $B StatusText)" "sandbox: $2, cgroup limits"
    groups_are_right "$name: after the crash"
    wait $!
    ok $? "$name: and the user does not notice" "$(cat slow.said)"
    gcc -O2 -c "slow-$name.c" -DAGAIN -o plain.o && cmp slow.o plain.o
    ok $? "$name: the object is the plain compiler's"
    fresh_client
    systemctl restart $B
    ok $? "$name: restart" "$(systemctl status $B 2>&1)"
    groups_are_right "$name: restarted"
    is "$name: new groups, new counts" "$(total memory.events oom_kill)" 0
    known
    fresh_client
    there gcc "$(source_of restarted)" "$name: after the restart"
    systemctl stop $B
    is "$name: stopped" "$(systemctl is-active $B) $(show $B Result)" "inactive success"
    [ ! -e "$unit_group" ]
    ok $? "$name: no group is left" "$(find "$unit_group" -type d 2>/dev/null)"
    is "$name: nothing has failed" "$(systemctl --failed --no-legend)" ""
}

is "the system runs" "$(systemctl is-system-running)" running
has "the groups have the controllers" "$(cat /sys/fs/cgroup/cgroup.controllers)" memory
systemctl start $S
must $? "the scheduler starts" "$(systemctl status $S 2>&1)"
mkdir -p /etc/systemd/system/$B.d
for how in "$@"; do
    rm -f /etc/systemd/system/$B.d/root.conf
    [ "$how" != root ] || cp $U /etc/systemd/system/$B.d/root.conf
    systemctl daemon-reload
    case $how in
    rootless) level rootless "user namespaces" ;;
    root) level root "namespaces" ;;
    bwrap) level bwrap "bwrap" ;;
    *) ok 1 "an unknown level: $how" ;;
    esac
done
sccache --stop-server >/dev/null 2>&1
systemctl stop $S
is "nothing has failed" "$(systemctl --failed --no-legend)" ""
finish
