# Boots a directory as a container with systemd and runs commands in it, without machined and without systemd outside.
# To be sourced. boot_root DIR [options of systemd-nspawn]; in_root COMMAND...; stop_root.
boot_root() {
    local directory=$1 try
    shift
    systemd-nspawn -q -D "$directory" --boot --private-network --register=no --keep-unit --console=pipe \
        --link-journal=no --resolv-conf=off --timezone=off "$@" </dev/null >"$directory.boot.log" 2>&1 &
    NSPAWN_PID=$!
    for try in $(seq 150); do
        LEADER=$(pgrep -P "$NSPAWN_PID" -x systemd || true)
        [ -z "$LEADER" ] || case $(in_root systemctl is-system-running 2>/dev/null || true) in running|degraded) return 0 ;; esac
        kill -0 "$NSPAWN_PID" 2>/dev/null || break
        sleep 0.2
    done
    echo "the container does not boot:" >&2
    tail -5 "$directory.boot.log" >&2
    return 1
}
in_root() { nsenter -t "$LEADER" -a env -i PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 HOME=/root TERM=dumb "$@"; }
stop_root() {
    [ -n "${NSPAWN_PID:-}" ] || return 0
    in_root systemctl --no-block poweroff 2>/dev/null || kill "$NSPAWN_PID" 2>/dev/null || true
    wait "$NSPAWN_PID" || true
    NSPAWN_PID=
}
