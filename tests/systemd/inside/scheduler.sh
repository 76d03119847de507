#!/bin/bash
# The scheduler as a system service.
. /t/lib.sh

is "the system runs" "$(cat /run/test/state)" running
journalctl --update-catalog
key=$(sccache-dist auth generate-jwt-hs256-key)

# Started by itself, as the guide does it.
scheduler_conf
chmod 0600 /etc/sccache/scheduler.conf
systemctl start $S
must $? "it starts" "$(systemctl status $S 2>&1)"
is "active" "$(systemctl is-active $S)" active
is "its socket unit is not pulled in" "$(systemctl is-active sccache-dist-scheduler.socket)" inactive
is "the socket unit is not enabled either" "$(systemctl is-enabled sccache-dist-scheduler.socket)" disabled
pid=$(pid_of $S)
uid=$(stat -c %u "/proc/$pid")
[ "$uid" -ge 61184 ] && [ "$uid" -le 65519 ]
ok $? "it has a user of its own" "uid $uid"
is "the configuration stays root's alone" "$(stat -c '%U %a' /etc/sccache/scheduler.conf)" "root 600"
has "STATUS is readable" "$(show $S StatusText)" "0 builders with 0 CPUs, 0 jobs"
is "it answers" "$(http 10600 /health)" 200
is "without a token the status is not told" "$(http 10600 /api/sccache/status)" 401
is "with the token it is" "$(http 10600 /api/sccache/status $token)" 200
has "capabilities are gone" "$(grep CapBnd /proc/"$pid"/status)" 0000000000000000
is "system calls are filtered" "$(awk '/^Seccomp:/ { print $2 }' /proc/"$pid"/status)" 2

# The journal.
started=$(entries -u $S MESSAGE_ID=5a1b7e0e3d0c4b6f9d8e2f4a6c1b7d30)
has "a started daemon has its message id" "$started" '"MESSAGE":"Scheduler listening for clients on 127.0.0.1:10600"'
has "and the place in the source" "$started" '"CODE_FILE":"dist/scheduler/daemon.cpp"'
has "and its priority" "$started" '"PRIORITY":"6"'
has "and its name" "$started" '"SYSLOG_IDENTIFIER":"sccache-dist-scheduler"'
has "journalctl -x explains" "$(journalctl -q --no-pager -x -u $S)" "it must be open in the firewall"

# Watchdog: fed while it lives, restarted when the loop is stuck.
printf '[Service]\nWatchdogSec=1s\n' | edit $S
ok $? "systemctl edit" "$(cat /tmp/edit.out)"
systemctl restart $S
pid=$(pid_of $S)
sleep 2.5
is "the watchdog is fed" "$(show $S NRestarts) $(pid_of $S)" "0 $pid"
kill -STOP "$pid"
within 15 '[ "$(show $S NRestarts)" = 1 ] && [ "$(systemctl is-active $S)" = active ]'
ok $? "a stuck one is restarted" "$(systemctl status $S 2>&1)"
has "and the journal says why" "$(lines -u $S)" "Watchdog timeout"
systemctl revert $S

# The guide's drop-in.
printf '[Service]\nEnvironment="RUST_LOG=sccache=trace"\n' | edit $S
ok $? "systemctl edit, as in the guide" "$(cat /tmp/edit.out)"
systemctl restart $S
has "the variable arrives" "$(tr '\0' '\n' </proc/"$(pid_of $S)"/environ)" RUST_LOG=sccache=trace
http 10600 /api/sccache/status $token >/dev/null
[ "$(entries -u $S PRIORITY=7 | wc -l)" -gt 0 ]
ok $? "and there is more in the log" "$(lines -u $S -n 20)"
systemctl revert $S
systemctl restart $S

# Reload.
pid=$(pid_of $S)
token=another-$token
scheduler_conf
systemctl reload $S
ok $? "reload" "$(systemctl status $S 2>&1)"
is "the new token counts" "$(http 10600 /api/sccache/status $token)" 200
is "the old one does not" "$(http 10600 /api/sccache/status ${token#another-})" 401
echo 'client_auth = nonsense' >>/etc/sccache/scheduler.conf
systemctl reload $S 2>/dev/null
[ $? != 0 ]
ok $? "reload of a bad file fails"
has "STATUS says so" "$(show $S StatusText)" "Reload failed, the old configuration stays"
has "the journal says what and where" "$(lines -u $S MESSAGE_ID=c3a5e7f91b2d4c6e8fa0b2d4e6f80a1c)" "scheduler.conf:10"
has "and what to do" "$(journalctl -q --no-pager -x -u $S MESSAGE_ID=c3a5e7f91b2d4c6e8fa0b2d4e6f80a1c)" "--check-config"
is "the old configuration holds" "$(http 10600 /api/sccache/status $token)" 200
is "it was never restarted" "$(pid_of $S) $(systemctl is-active $S)" "$pid active"

# A bad file at the start: an end with the reason, and no loop.
systemctl restart $S 2>/dev/null
[ $? != 0 ]
ok $? "a bad configuration does not start"
sleep 2
is "nor is it tried for ever" "$(systemctl is-failed $S) $(show $S NRestarts)" "failed 0"
has "the file is named as the admin knows it" "$(lines -u $S)" "/etc/sccache/scheduler.conf:10"
scheduler_conf
systemctl reset-failed $S
systemctl start $S

# A crash.
pid=$(pid_of $S)
kill -SEGV "$pid"
within 10 '[ "$(show $S NRestarts)" = 1 ] && [ "$(systemctl is-active $S)" = active ]'
ok $? "a crash is followed by a restart" "$(systemctl status $S 2>&1)"
is "which answers" "$(http 10600 /health)" 200

# Stop: what is being answered is answered.
exec 8<>/dev/tcp/127.0.0.1/10600
printf 'POST /api/v1/scheduler/alloc_job HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: 10\r\n\r\nhalf' $token >&8
sleep 0.3
systemctl stop --no-block $S
within 3 '[ "$(systemctl is-active $S)" = deactivating ]'
ok $? "it drains"
has "and STATUS says so" "$(show $S StatusText)" "Stopping: finishing what is being answered"
printf ' a body' >&8
timeout 5 head -n 1 <&8 >/tmp/answer
has "a request under way gets its answer" "$(cat /tmp/answer)" "HTTP/1.1 4"
exec 8>&-
within 10 '[ "$(systemctl is-active $S)" = inactive ]'
is "it has ended well" "$(systemctl is-active $S) $(show $S Result)" "inactive success"
has "with a word" "$(lines -u $S)" "Scheduler stopping"

# Socket activation. The configured port is another one: the passed socket wins, with one line.
scheduler_conf 10999
systemctl start sccache-dist-scheduler.socket
is "only the socket" "$(systemctl is-active $S)" inactive
is "the first connection starts it" "$(http 10600 /health)" 200
is "service" "$(systemctl is-active $S)" active
is "one line says which address won" \
    "$(lines -u $S _PID="$(pid_of $S)" | grep -c 'Using the socket passed by the service manager (.*:10600), not the configured address 127.0.0.1:10999')" 1
pid=$(pid_of $S)
systemctl stop $S 2>/dev/null
is "stopped, it is started again by the next" "$(http 10600 /health) $([ "$(pid_of $S)" != "$pid" ] && echo anew)" "200 anew"
systemctl stop sccache-dist-scheduler.socket $S

# A secret in a file of its own, which only root may read.
scheduler_conf
sed -i "s/^token = .*/token_file = \"client-token\"/" /etc/sccache/scheduler.conf
(umask 077 && echo "secret-$token" >/etc/sccache/client-token)
printf '[Service]\nLoadCredential=client-token:/etc/sccache/client-token\n' | edit $S
systemctl start $S
ok $? "a token as a credential" "$(lines -u $S -n 5)"
is "it counts" "$(http 10600 /api/sccache/status "secret-$token")" 200
systemctl reload $S
is "also after a reload" "$? $(http 10600 /api/sccache/status "secret-$token")" "0 200"
systemctl stop $S
systemctl revert $S

# --check-config says everything at once.
printf 'public_addr = "nowhere"\npublic_adr = 1\n[client_auth]\ntype = "tocken"\n' >/etc/sccache/scheduler.conf
chmod 0644 /etc/sccache/scheduler.conf
said=$(sccache-dist scheduler --check-config 2>&1)
is "--check-config fails" $? 1
for line in 1 2 4; do has "--check-config names line $line" "$said" "scheduler.conf:$line"; done
scheduler_conf
is "and is content with a good one" "$(sccache-dist scheduler --check-config)" "sccache-dist: /etc/sccache/scheduler.conf is good"

systemctl reset-failed
is "nothing has failed" "$(systemctl --failed --no-legend)" ""
finish
