# For the scripts that run inside a booted container (see ../boot.sh). Each check prints one line; `finish` ends the script
# and fails if one of them did.
checks=0 wrong=0

ok() {  # ok STATUS WHAT [MORE]
    checks=$((checks + 1))
    if [ "$1" = 0 ]; then
        echo "ok $checks - $2"
    else
        wrong=$((wrong + 1))
        echo "NOT OK $checks - $2"
        [ -z "${3:-}" ] || sed 's/^/    # /' <<<"$3"
    fi
}
is() { [ "$2" = "$3" ]; ok $? "$1" "it is '$2', not '$3'"; }             # is WHAT VALUE WANTED
has() { case $2 in *"$3"*) ok 0 "$1" ;; *) ok 1 "$1" "'$3' is not in: $2" ;; esac; }
hasnt() { case $2 in *"$3"*) ok 1 "$1" "'$3' is in: $2" ;; *) ok 0 "$1" ;; esac; }
skipped() { echo "SKIP - $1: $2"; }
finish() {
    echo "$checks checks, $wrong wrong"
    [ "$wrong" = 0 ]
    exit
}

must() { ok "$@"; [ "$1" = 0 ] || finish; }                               # as ok, but nothing makes sense without it

show() { systemctl show -p "$2" --value "$1"; }                           # show UNIT PROPERTY
lines() { journalctl --sync; journalctl -q --no-pager -o cat "$@"; }       # MESSAGE of entries
entries() { journalctl --sync; journalctl -q --no-pager -o json "$@"; }    # all fields
pid_of() {  # never 0: a signal to that would hit us all
    local pid
    pid=$(show "$1" MainPID)
    [ "$pid" != 0 ] || pid=none
    echo "$pid"
}
within() {  # within SECONDS CONDITION: waits for it
    local until=$(($(date +%s%N) / 1000000 + $1 * 1000))
    while ! eval "$2"; do
        [ $(($(date +%s%N) / 1000000)) -lt $until ] || return 1
        sleep 0.05
    done
}
# A drop-in as `systemctl edit` makes it: the editor's text comes from stdin.
edit() {
    cat >/tmp/drop-in
    printf '#!/bin/sh\ncat /tmp/drop-in >"$1"\n' >/tmp/editor
    chmod +x /tmp/editor
    script -qec "env SYSTEMD_EDITOR=/tmp/editor systemctl edit $1" /dev/null </dev/null >/tmp/edit.out 2>&1
}
# http PORT PATH [TOKEN]: the answer's status
http() {
    exec 9<>"/dev/tcp/127.0.0.1/$1" || { echo none; return; }
    printf 'GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n' "$2" "${3:+Authorization: Bearer $3$'\r\n'}" >&9
    timeout 10 head -n 1 <&9 | cut -d' ' -f2
    exec 9>&-
}
token=client-token-0123456789abcdef0123456789abcdef
key=$(printf 'k%.0s' $(seq 64))
scheduler_conf() {  # scheduler_conf [PORT] [MORE]
    mkdir -p /etc/sccache
    cat >/etc/sccache/scheduler.conf <<CONF
public_addr = "127.0.0.1:${1:-10600}"
public_status = false
[client_auth]
type = "token"
token = "$token"
[server_auth]
type = "jwt_hs256"
secret_key = "$key"
${2:-}
CONF
    chmod 0600 /etc/sccache/scheduler.conf
}
S=sccache-dist-scheduler.service
B=sccache-dist-builder.service
U=/usr/local/share/doc/sccache/sccache-dist-builder-root.conf
builder_conf() {  # builder_conf [MORE]
    mkdir -p /etc/sccache
    cat >/etc/sccache/builder.conf <<CONF
public_addr = "127.0.0.1:10501"
scheduler_url = "http://127.0.0.1:10600"
cache_dir = "/var/cache/sccache-builder/toolchains"
[builder]
type = "overlay"
build_dir = "/var/cache/sccache-builder/tmp"
[scheduler_auth]
type = "jwt_token"
token = "$(sccache-dist auth generate-jwt-hs256-server-token --secret-key "$key" --server 127.0.0.1:10501)"
${1:-}
CONF
    chmod 0600 /etc/sccache/builder.conf
}
client_conf() {
    mkdir -p ~/.config/sccache
    cat >~/.config/sccache/config <<CONF
[dist]
scheduler_url = "http://127.0.0.1:10600"
mode = "always"
toolchains = []
[dist.auth]
type = "token"
token = "$token"
CONF
}
builders() { show $S StatusText; }
known() { within 5 'case $(builders) in "1 builders with"*) true ;; *) false ;; esac'; ok $? "the scheduler knows the builder" "$(builders)"; }
# A client that was sent home does not ask the farm again for a while; its server is told to forget that.
fresh_client() { sccache --stop-server >/dev/null 2>&1; }
# away FILE.c: compiles it through the farm; the object must be the plain compiler's, and a builder's work.
dist_count() { sccache --show-stats --stats-format json | grep -o '"dist_compiles":{[^}]*}' | grep -o '":[0-9]*' | tr -d '":' | awk '{ n += $1 } END { print n + 0 }'; }
away() {
    local before after
    before=$(dist_count)
    sccache gcc -g -O1 -c "$1" -o away.o >away.said 2>&1
    ok $? "$2: the compile succeeds" "$(cat away.said)"
    after=$(dist_count)
    [ $((after - before)) = 1 ]
    ok $? "$2: a builder did it" "$(sccache --show-stats; lines -u $S -u $B -n 15)"
    gcc -g -O1 -c "$1" -o plain.o && cmp away.o plain.o
    ok $? "$2: the object is the plain compiler's"
}
slow_c() {  # a file that keeps the compiler busy for some seconds
    printf '#include <stdio.h>\n#define A(x) int f##x##_(int a) { int s = 0; for (int i = 0; i < a; ++i) { switch (i %% 7) { case 0: s += i * a; break; case 1: s ^= i << 3; break; default: s -= a / (i + 1); } printf("%%d", s); } return s; }\n'
    printf '#define B(x) A(x##0) A(x##1) A(x##2) A(x##3) A(x##4) A(x##5) A(x##6) A(x##7)\n#define C(x) B(x##0) B(x##1) B(x##2) B(x##3) B(x##4) B(x##5) B(x##6) B(x##7)\nC(1) C(2) C(3) C(4) C(5) C(6)\n'
}
