#!/bin/bash
# Both services on one host and a client: builder.sh rootless|root
. /t/lib.sh
how=$1

is "the system runs" "$(cat /run/test/state)" running
journalctl --update-catalog
key=$(sccache-dist auth generate-jwt-hs256-key)
scheduler_conf
builder_conf
client_conf
export SCCACHE_DIR=/tmp/cache
mkdir /tmp/src && cd /tmp/src || exit 1
if [ "$how" = root ]; then
    edit $B <$U
    must $? "the drop-in for a builder that starts as root" "$(cat /tmp/edit.out)"
fi

# Start: ready means tested and announced.
systemctl start $S $B
must $? "both start" "$(systemctl status $S $B 2>&1; lines -u $B -n 20)"
pid=$(pid_of $B)
echo "# STATUS of the builder: $(show $B StatusText)"
echo "# STATUS of the scheduler: $(builders)"
within 3 'case $(builders) in "1 builders with"*) true ;; *) false ;; esac'
ok $? "the scheduler knows it as soon as it is ready" "$(builders)"
has "STATUS tells slots" "$(show $B StatusText)" "slots busy"
has "STATUS tells schedulers" "$(show $B StatusText)" "1 of 1 schedulers connected"
uid=$(stat -c %u "/proc/$pid")
if [ "$how" = root ]; then
    has "sandbox level" "$(show $B StatusText)" "sandbox: namespaces,"
    is "it runs as root" "$uid" 0
    is "with few capabilities" "$(capsh --decode="$(awk '/^CapBnd/ { print $2 }' /proc/"$pid"/status)" 2>/dev/null | tr , '\n' | grep -c cap_ || echo 8)" 8
else
    has "sandbox level" "$(show $B StatusText)" "sandbox: user namespaces,"
    [ "$uid" -ge 61184 ] && [ "$uid" -le 65519 ]
    ok $? "it has a user of its own" "uid $uid"
    has "without capabilities" "$(grep CapBnd /proc/"$pid"/status)" 0000000000000000
fi
hasnt "jobs have a /proc" "$(show $B StatusText)" "without /proc"
hasnt "the best sandbox" "$(lines -u $B)" "Not the best sandbox"
if grep -qw memory "/sys/fs/cgroup/cgroup.controllers"; then
    has "jobs have control groups" "$(show $B StatusText)" "cgroup limits"
else
    skipped "limits by control group" "the kernel has the memory controller elsewhere (cgroup v1)"
fi

# A compile through both.
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >a.c
away a.c "distributed compile"
job=$(entries -u $S | grep -o '"SCCACHE_JOB_ID":"[0-9]*"' | tail -n 1 | grep -o '[0-9]*')
said=$(lines -u $S SCCACHE_JOB_ID="$job" | sed "s/ $job / N /")
has "the toolchain was missing at first" "$said" "with state Pending"
is "the four lines of the job, by its id" "$(grep -v 'updated state to Ready' <<<"$said")" \
"Job N created and will be assigned to server ServerId(V4(127.0.0.1:10501))
Job N successfully assigned and saved with state Pending
Job N updated state to Started
Job N updated state to Complete"
entry=$(entries -u $B SCCACHE_JOB_ID="$job")
has "the builder's line has the same id" "$entry" "Job $job done"
has "and the toolchain" "$entry" '"SCCACHE_TOOLCHAIN":"'
has "and says which builder" "$entry" '"SCCACHE_SERVER_ID":"127.0.0.1:10501"'
has "and explains itself" "$(journalctl -q --no-pager -x -u $B SCCACHE_JOB_ID="$job")" "journalctl SCCACHE_JOB_ID=$job"

# Reload.
builder_conf '[limits]
slots = 3'
systemctl reload $B
ok $? "reload" "$(systemctl status $B 2>&1)"
has "it says what needs a restart" "$(lines -u $B)" "change only when the builder is restarted"
echo 'limits = 7' >>/etc/sccache/builder.conf
systemctl reload $B 2>/dev/null
[ $? != 0 ]
ok $? "reload of a bad file fails"
has "STATUS says so" "$(show $B StatusText)" "Reload failed, the old configuration stays"
builder_conf
systemctl reload $B
ok $? "reload of the mended file"
is "it was never restarted" "$(pid_of $B)" "$pid"
printf 'int two(void) { return 2; }\n' >b.c
away b.c "after the reloads"

# Watchdog, and the crash of either process.
printf '[Service]\nWatchdogSec=1s\n' >/tmp/watchdog
{ [ "$how" != root ] || cat $U; cat /tmp/watchdog; } | edit $B
systemctl restart $B
pid=$(pid_of $B)
sleep 2.2
is "the watchdog is fed" "$(show $B NRestarts) $(pid_of $B)" "0 $pid"
kill -STOP "$pid"
within 15 '[ "$(show $B NRestarts)" = 1 ] && [ "$(systemctl is-active $B)" = active ]'
ok $? "a stuck one is restarted" "$(systemctl status $B 2>&1)"
kill -SEGV "$(pid_of $B)"
within 15 '[ "$(show $B NRestarts)" = 2 ] && [ "$(systemctl is-active $B)" = active ]'
ok $? "a crash is followed by a restart" "$(systemctl status $B 2>&1)"
kill -KILL "$(pgrep -P "$(pid_of $B)" | head -n 1)"
within 15 '[ "$(show $B NRestarts)" = 3 ] && [ "$(systemctl is-active $B)" = active ]'
ok $? "so is the death of the process that starts jobs" "$(systemctl status $B 2>&1)"
printf 'int three(void) { return 3; }\n' >c.c
away c.c "after the crashes"

# The scheduler restarts: the builder is back at once.
systemctl restart $S
known
ok $? "a restarted scheduler knows the builder again" "$(builders)"

# Stop in the middle of a job: the job ends first.
slow_c >slow.c
before=$(dist_count)
sccache gcc -O2 -c slow.c -o slow.o >slow.said 2>&1 &
client=$!
within 10 'case $(show $B StatusText) in "0 of"*) false ;; *) pgrep -f "cc1.*slow" >/dev/null ;; esac'
systemctl stop --no-block $B
within 2 '[ "$(systemctl is-active $B)" = deactivating ]'
ok $? "stopping, it drains" "$(systemctl is-active $B)"
has "and says so" "$(show $B StatusText)" "Stopping"
wait $client
ok $? "the running compile ends well" "$(cat slow.said)"
is "on the builder" $(($(dist_count) - before)) 1
within 40 '[ "$(systemctl is-active $B)" != deactivating ]'
is "then the builder ends" "$(systemctl is-active $B) $(show $B Result)" "inactive success"
has "and the scheduler knows" "$(curl -s -H "Authorization: Bearer $token" http://127.0.0.1:10600/api/sccache/status)" '"draining": true'
printf 'int four(void) { return 4; }\n' >d.c
sccache gcc -c d.c -o d.o
ok $? "without a builder the compile is done at home"

# Its socket.
builder_conf
sed -i 's/^public_addr.*/&\nbind_address = "127.0.0.1:10998"/' /etc/sccache/builder.conf
systemctl start sccache-dist-builder.socket $B
ok $? "with its socket unit" "$(systemctl status $B 2>&1)"
has "one line says which address won" "$(lines -u $B _PID="$(pid_of $B)")" "not the configured address 127.0.0.1:10998"
fresh_client
printf 'int five(void) { return 5; }\n' >e.c
away e.c "through the passed socket"
systemctl stop sccache-dist-builder.socket $B

if [ "$how" = rootless ]; then
    # From rootless to root and back: the directories change hands.
    builder_conf
    edit $B <$U
    systemctl start $B
    ok $? "the same host as root" "$(systemctl status $B 2>&1)"
    known
    fresh_client
    printf 'int six(void) { return 6; }\n' >f.c
    away f.c "as root now"
    systemctl revert $B
    systemctl restart $B
    ok $? "and back" "$(systemctl status $B 2>&1)"
    known
    fresh_client
    printf 'int seven(void) { return 7; }\n' >g.c
    away g.c "rootless again"
fi
if [ "$how" = rootless ] && command -v bwrap >/dev/null; then
    # The second choice of sandbox, within what the unit allows.
    builder_conf
    sed -i 's/^type = "overlay"/&\nsandbox = "bwrap"/' /etc/sccache/builder.conf
    systemctl restart $B
    ok $? "bubblewrap as the sandbox" "$(systemctl status $B 2>&1)"
    has "bubblewrap with a /proc" "$(show $B StatusText)" "sandbox: bwrap, process limits"
    known
    fresh_client
    printf 'int eight(void) { return 8; }\n' >h.c
    away h.c "in bubblewrap"
    # No second /proc in this container makes the above easier than it is on a host.
    sandboxed='bwrap --unshare-user --unshare-pid --ro-bind / / --proc /proc true'
    unshare -m sh -c "$sandboxed" 2>/dev/null
    ok $? "a sandbox gets its /proc"
    unshare -m sh -c "mount --make-rprivate / && mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && $sandboxed" 2>/dev/null
    [ $? != 0 ]
    ok $? "but not where a part of /proc is covered"
fi
is "the unit covers nothing of /proc" "$(systemctl cat $B | grep -c '^ProcSubset\|^ProtectKernelTunables\|^ProtectKernelLogs')" "$([ "$how" = root ] && echo 2 || echo 0)"
fresh_client
systemctl stop $B $S
is "nothing has failed" "$(systemctl --failed --no-legend)" ""
finish
