#!/bin/bash
# Boots a real systemd (PID 1, journald, dbus) in a container made of namespaces, runs one script in it as root, and gives
# its exit status. Takes under a second. Nothing of it stays behind.
#
#   boot.sh [-t SECONDS] [-j FILE] BUILD_DIRECTORY SCRIPT [ARGUMENT...]
#
# The container's root is what is installed from BUILD_DIRECTORY on top of the host's own root, under a tmpfs for what is
# written; of the host's units and configuration nothing is enabled. Inside, SCRIPT's directory is /t. -j: the journal
# goes there as JSON. Exit 77 with the reason where a container is not possible; 124: it took too long; 125: no boot.
#
# /proc: a boot in which parts of /proc are covered (to keep PID 1 from the host's sysctls) would be no test of a builder,
# whose jobs mount a /proc of their own: the kernel allows that only where an uncovered one is mounted. A second, uncovered
# one elsewhere would hide every mistake. So the parts are covered while the system boots and uncovered for the test.
set -u
limit=100 journal=
while getopts t:j: option; do
    case $option in
    t) limit=$OPTARG ;;
    j) journal=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || { sed -n '5,6p' "$0" >&2; exit 2; }
build=$1 script=$(realpath -e "$2") || exit 2
shift 2
skip() { echo "SKIP: $*"; exit 77; }

[ "$(id -u)" = 0 ] || skip "only root can boot a container"
[ -x /lib/systemd/systemd ] || skip "no systemd is installed"
[ -x /usr/bin/dbus-daemon ] || skip "no dbus-daemon is installed"
for tool in unshare findmnt pivot_root cmake; do command -v $tool >/dev/null || skip "no $tool is installed"; done
grep -qw overlay /proc/filesystems || skip "this kernel has no overlay"
cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
[ -n "$cgroups" ] || skip "no cgroup2 file system is mounted"
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
unshare --mount --pid --fork --uts --ipc --net --cgroup true 2>/dev/null || skip "namespaces are not allowed here"

work=$(mktemp -d) || exit 125
group=$cgroups${own%/}/${work##*/}
mkdir "$group" 2>/dev/null || { rmdir "$work"; skip "control groups cannot be made in $cgroups${own%/}"; }
boot=
clean_up() {
    trap '' INT TERM HUP
    echo 1 >"$group/cgroup.kill" 2>/dev/null
    [ -z "$boot" ] || wait "$boot" 2>/dev/null
    for _ in $(seq 40); do
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
        [ -d "$group" ] || break
        sleep 0.05
    done
    rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

talk=$work/talk   # seen inside as /run/test
mkdir -p "$talk/journal"
: >"$work/console"
printf '%q ' bash "/t/$(basename "$script")" "$@" >"$talk/command"

# What the container's PID 1 starts.
cat >"$talk/run" <<'RUN'
#!/bin/bash
timeout 30 systemctl is-system-running --wait >/run/test/state 2>&1
for covered in $(cat /run/test/covered); do umount --lazy "$covered"; done
cd /
( eval "exec $(cat /run/test/command)" ) </dev/null >/run/test/output 2>&1
status=$?
journalctl --sync
echo $status >/run/test/status
exit $status
RUN

cat >"$work/enter" <<'ENTER'
set -u
failed() { echo "boot.sh: $*" >&2; exit 125; }
mount --make-rprivate / && mkdir "$work/m" && mount -t tmpfs -o mode=755 tmpfs "$work/m" || failed "no tmpfs"
root=$work/m/root
mkdir "$work/m/upper" "$work/m/work" "$root"
DESTDIR=$work/m/installed cmake --install "$build" --strip >"$work/install.log" 2>&1 || { tail -n 5 "$work/install.log"; failed "no installation"; }
mount -t overlay -o "lowerdir=$work/m/installed:/,upperdir=$work/m/upper,workdir=$work/m/work" overlay "$root" || failed "no overlay"

# A machine of its own: nothing that is enabled on the host, and nothing that acts on the kernel.
etc=$root/etc/systemd
rm -rf "$etc"/system/* "$root"/etc/rc?.d/* "$root/var/log/journal" "$root/etc/sccache" "$root/root/.config/sccache"
mkdir -p "$etc/system" "$etc/system.conf.d" "$etc/journald.conf.d"
: >"$root/etc/fstab"
rm -f "$root/etc/machine-id" "$root/etc/resolv.conf"
tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
echo container >"$root/etc/hostname"
printf '127.0.0.1 localhost container\n' >"$root/etc/hosts"
printf '[Manager]\nDefaultTimeoutStartSec=30s\nShowStatus=no\n' >"$etc/system.conf.d/test.conf"
printf '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\nAudit=no\n' >"$etc/journald.conf.d/test.conf"
for unit in systemd-sysctl.service systemd-modules-load.service systemd-binfmt.service systemd-udevd.service \
            systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udev-trigger.service systemd-random-seed.service \
            systemd-pstore.service systemd-timesyncd.service systemd-firstboot.service systemd-journald-audit.socket \
            proc-sys-fs-binfmt_misc.automount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
            dev-hugepages.mount console-getty.service getty.target timers.target; do
    ln -s /dev/null "$etc/system/$unit"
done
cat >"$etc/system/test.target" <<'UNIT'
[Unit]
Requires=basic.target
Wants=multi-user.target dbus.socket test.service
After=basic.target multi-user.target dbus.socket
AllowIsolate=yes
UNIT
cat >"$etc/system/test.service" <<'UNIT'
[Unit]
After=multi-user.target dbus.socket
SuccessAction=exit
FailureAction=exit
[Service]
Type=exec
ExecStart=/bin/bash /run/test/run
Environment=HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
TimeoutStopSec=2
UNIT
ln -s test.target "$etc/system/default.target"

on() { mount -t "$1" -o "$2" "$1" "$root$3" || failed "cannot mount $3"; }
on proc nosuid,nodev,noexec /proc
for part in /proc/sys /proc/sysrq-trigger; do
    [ -e "$root$part" ] || continue
    mount --bind "$root$part" "$root$part" && mount -o remount,bind,ro "$root$part" || failed "cannot cover $part"
    echo "$part" >>"$work/talk/covered"
done
on sysfs ro,nosuid,nodev,noexec /sys
on cgroup2 nosuid,nodev,noexec /sys/fs/cgroup
on tmpfs nosuid,mode=755 /dev
for device in null zero full random urandom tty; do
    : >"$root/dev/$device" && mount --bind "/dev/$device" "$root/dev/$device" || failed "no /dev/$device"
done
: >"$root/dev/console"
mount --bind "$work/console" "$root/dev/console" || failed "no console"
mkdir "$root/dev/pts" "$root/dev/shm"
on devpts nosuid,noexec,newinstance,ptmxmode=0666,mode=620,gid=5 /dev/pts
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
on tmpfs nosuid,nodev,mode=1777 /dev/shm
on tmpfs nosuid,nodev,mode=755 /run
on tmpfs mode=1777 /tmp
on tmpfs mode=1777 /var/tmp
on tmpfs mode=755 /var/cache    # an overlay's upper directory cannot lie on the root, which is one itself
on tmpfs mode=755 /home
mkdir -p "$root/t" "$root/run/test" "$root/run/log/journal" "$root/run/old"
mount --bind "$scripts" "$root/t" && mount -o remount,bind,ro "$root/t" || failed "no /t"
mount --bind "$work/talk" "$root/run/test" && mount --bind "$work/talk/journal" "$root/run/log/journal" || failed "no /run/test"
cd "$root" && pivot_root . run/old || failed "pivot_root"
exec env -i container=test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /bin/sh -c \
    'umount -l /run/old && rmdir /run/old && mount --make-rshared / && exec /lib/systemd/systemd --system --log-target=journal-or-kmsg'
ENTER

scripts=$(dirname "$script")
(
    trap - EXIT INT TERM HUP
    echo "$BASHPID" >"$group/cgroup.procs" || exit 125
    { declare -p work scripts build; cat "$work/enter"; } >"$work/enter.sh"
    exec unshare --mount --pid --fork --kill-child=KILL --uts --ipc --cgroup --net bash "$work/enter.sh"
) </dev/null >"$work/console" 2>&1 &
boot=$!
started=$SECONDS
while kill -0 "$boot" 2>/dev/null && [ $((SECONDS - started)) -lt "$limit" ]; do sleep 0.05; done
late=
kill -0 "$boot" 2>/dev/null && late=1
[ ! -e "$talk/output" ] || cat "$talk/output"
[ -z "$journal" ] || journalctl -q --no-pager -D "$talk/journal" -o json >"$journal" 2>/dev/null
tell() {
    echo "boot.sh: $1; last messages:" >&2
    { tail -n 20 "$work/console"; journalctl -q --no-pager -D "$talk/journal" -n 40 -o short-monotonic 2>/dev/null; } | sed 's/^/  | /' >&2
}
if [ -n "$late" ]; then tell "it was not over after $limit s"; exit 124; fi
if [ ! -e "$talk/status" ]; then tell "the system ended before the script did"; exit 125; fi
status=$(cat "$talk/status")
case $status in 0 | 77) ;; *) tell "the script failed" ;; esac
exit "$status"
