# A farm of our own on loopback, on top of tests/feature/lib.sh.
#
#   start_scheduler          $SCHEDULER is its address
#   start_builder N          builder number N; its address is in ${BUILDER[N]}, its pid in ${BUILDER_PID[N]}
#                            ($BUILDER_SANDBOX: the kind of its sandbox)
#   use_farm [MODE]          the client's configuration; always unless another mode is said
#   wait_for_builders N      until the scheduler knows N of them
#   of_client NAME           a counter, as stat_of
. "$(dirname "${BASH_SOURCE[0]}")/../../feature/lib.sh"

dist_bin=${FEATURE_DIST_BIN:-$(dirname "$bin")/sccache-dist}
[ -x "$dist_bin" ] || skip "no sccache-dist is built"
needs python3

declare -A BUILDER BUILDER_PID
farm_pids=()
TOKEN=farm-test-token-0123456789abcdef

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

at_end() {
    local pid
    for pid in "${farm_pids[@]}"; do kill -CONT "$pid" 2>/dev/null; kill "$pid" 2>/dev/null; done
    for pid in "${farm_pids[@]}"; do
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null
    done
    if [ -n "${FEATURE_LOG:-}" ]; then tail -n 60 "$T"/*.log >&2; fi
}

start_scheduler() {
    SCHEDULER=${SCHEDULER:-127.0.0.1:$(free_port)}
    cat >"$T/scheduler.conf" <<CONF
public_addr = "$SCHEDULER"
control_socket = "$T/control"
[client_auth]
type = "token"
token = "$TOKEN"
[server_auth]
type = "token"
token = "builders-$TOKEN"
CONF
    chmod 600 "$T/scheduler.conf"
    SCCACHE_NO_DAEMON=1 SCCACHE_LOG=debug "$dist_bin" scheduler --config "$T/scheduler.conf" >>"$T/scheduler.log" 2>&1 &
    SCHEDULER_PID=$!
    farm_pids+=("$SCHEDULER_PID")
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/${SCHEDULER%:*}/${SCHEDULER#*:}") 2>/dev/null; then return; fi
        kill -0 $SCHEDULER_PID 2>/dev/null || fail "the scheduler ended: $(tail -5 "$T/scheduler.log")"
        sleep 0.1
    done
    fail "the scheduler does not listen"
}

start_builder() {
    local n=$1
    BUILDER[$n]=${BUILDER[$n]:-127.0.0.1:$(free_port)}
    mkdir -p "$T/builder$n"
    cat >"$T/builder$n.conf" <<CONF
public_addr = "${BUILDER[$n]}"
scheduler_url = "http://$SCHEDULER"
cache_dir = "$T/builder$n/toolchains"
[builder]
type = "overlay"
build_dir = "$T/builder$n/tmp"
sandbox = "${BUILDER_SANDBOX:-auto}"
[scheduler_auth]
type = "token"
token = "builders-$TOKEN"
[limits]
slots = 2
CONF
    chmod 600 "$T/builder$n.conf"
    SCCACHE_LOG=debug "$dist_bin" server --config "$T/builder$n.conf" >>"$T/builder$n.log" 2>&1 &
    BUILDER_PID[$n]=$!
    farm_pids+=("${BUILDER_PID[$n]}")
}

farm_status() { sccache --dist-status "$@"; }

wait_for_builders() {
    local want=$1 status
    for _ in $(seq 200); do
        status=$(python3 - "$SCHEDULER" <<'PY'
import json, sys, urllib.request
request = urllib.request.Request("http://%s/api/v1/scheduler/status" % sys.argv[1], headers={"Accept": "application/json"})
try:
    print(json.load(urllib.request.urlopen(request, timeout=5))["num_servers"])
except Exception:
    print(0)
PY
        )
        [ "$status" != "$want" ] || return 0
        for n in "${!BUILDER_PID[@]}"; do
            kill -0 "${BUILDER_PID[$n]}" 2>/dev/null || skip "no builder can run here: $(tail -2 "$T/builder$n.log" | tr '\n' ' ')"
        done
        sleep 0.1
    done
    fail "the scheduler knows $status builders, not $want"
}

use_farm() {
    mkdir -p "$HOME/.config/sccache"
    cat >"$HOME/.config/sccache/config" <<CONF
[dist]
scheduler_url = "http://$SCHEDULER"
mode = "${1:-always}"
toolchains = []
cache_dir = "$T/client-toolchains"
[dist.auth]
type = "token"
token = "$TOKEN"
CONF
}

# expect_away CMD...: the command succeeds and a builder ran it.
expect_away() {
    local before after
    before=$(stat_of dist_compiles)
    "$@" || fail "exit $? from: $*"
    after=$(stat_of dist_compiles)
    [ "$after" = $((before + 1)) ] || fail "no builder ran: $* -- $(stat_json)"
}
