#!/bin/bash
# A real backend of the Open Build Service builds the package of HEAD and publishes it, and zypper installs it from there:
# source server, repository server, scheduler, dispatcher, publisher and one worker of Debian's packages obs-server and
# obs-worker, in a booted system without a network. What the build roots consist of is the project Debian there; the
# package's project has a path to it and publishes for zypper. %check is tests/rpm/obs_build.sh's part and left out here,
# except with CHECK=1.
#
#   tests/rpm/obs_backend.sh WORK
# Needs root on a Debian 12 with mmdebstrap, systemd-container, zypper and git; some 2 GB below WORK and ten minutes or more.
# Packages of Debian and the server's system that an earlier run left in WORK are used again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
. "$here/obs_sources.sh"
skip() { echo "SKIP: $*"; exit 77; }
[ $# = 1 ] || { echo "usage: tests/rpm/obs_backend.sh WORK" >&2; exit 2; }
[ "$(id -u)" = 0 ] || skip "needs root"
for program in mmdebstrap systemd-nspawn zypper createrepo_c dpkg-deb rpmbuild git; do command -v $program >/dev/null || skip "no $program here"; done
mkdir -p "$1"
work=$(cd "$1" && pwd)
project=$here/../../obs/prjconf.debian12
arch=$(uname -m)
ok() { echo "ok   $1"; }
fail() { echo "FAIL $*"; exit 1; }

make_debs "$work/debs" "$project" || skip "no packages of Debian can be had"
make_sources "$work/sources"
if [ ! -e "$work/server/usr/lib/obs/server/bs_srcserver" ]; then
    rm -rf "$work/server"
    mmdebstrap --variant=minbase --include=systemd,systemd-sysv,dbus,obs-server,obs-worker,obs-utils,curl,procps,iproute2,dpkg-dev,cpio,binutils,xz-utils,createrepo-c \
        bookworm "$work/server" >"$work/server.log" 2>&1 || { tail -3 "$work/server.log"; skip "Debian's package obs-server cannot be had"; }
fi
rm -rf "$work/obs"
cp -a --reflink=auto "$work/server" "$work/obs"
sed -i "s/Net::Domain::hostfqdn() || 'localhost'/\"localhost\"/; s/^1;\$/our \$createrepo = 'createrepo_c';\n1;/" "$work/obs/etc/obs/BSConfig.pm"
cp "$project" "$work/obs/debian.conf"
{
    echo "Repotype: rpm-md"
    [ -n "${CHECK:-}" ] || printf 'Macros:\n%%_without_check 1\n:Macros\n'
} >"$work/obs/package.conf"
trap stop_root EXIT
boot_root "$work/obs" --bind-ro="$work/debs:/debs" --bind-ro="$work/sources:/sources" --capability=all --system-call-filter="@mount @keyring" || fail "no boot"

# The server's own interface, over its loopback.
server=http://localhost:5352
get() { in_root curl -fsS "$server/$1"; }
put() { in_root curl -fsS -X PUT -H 'Content-Type: application/octet-stream' --data-binary "$2" "$server/$1" >/dev/null; }
for try in $(seq 120); do
    get source >/dev/null 2>&1 && break
    [ "$try" != 120 ] || fail "the source server does not answer"
    sleep 1
done
full=/srv/obs/build/Debian/standard/$arch/:full
in_root bash -c "mkdir -p '$full' && cp /debs/*.deb '$full' && chown -R obsrun:obsrun /srv/obs/build"
put source/Debian/_meta "<project name='Debian'><title/><description/><repository name='standard'><arch>$arch</arch></repository></project>"
put 'source/Debian/_config?user=test' @/debian.conf
put source/devel/_meta "<project name='devel'><title/><description/><repository name='standard'><path project='Debian' repository='standard'/><arch>$arch</arch></repository></project>"
put 'source/devel/_config?user=test' @/package.conf
put 'source/devel/sccache/_meta?user=test' '<package name="sccache" project="devel"><title/><description/></package>'
# A worker that is no virtual machine promises neither disk nor memory, so this one cannot be asked for them.
rm "$work/sources/_constraints"
for file in "$work"/sources/*; do put "source/devel/sccache/${file##*/}?user=test" "@/sources/${file##*/}"; done
ok "the backend has the sources"

# The worker; its directories must be root's.
in_root mkdir -p /srv/worker/root_1 /srv/worker/state_1
in_root systemd-run -q --unit=worker1 /usr/lib/obs/server/bs_worker --root /srv/worker/root_1 --statedir /srv/worker/state_1 --id vm:1 \
    --reposerver http://localhost:5252 --arch "$arch" --jobs "$(nproc)" --port 0 --noupdate
result=
for try in $(seq 900); do
    result=$(get build/devel/_result)
    case $result in *'state="published"'* | *'code="failed"'* | *unresolvable* | *'code="broken"'*) break ;; esac
    sleep 4
done
if ! grep -q 'code="succeeded"' <<<"$result" || ! grep -q 'state="published"' <<<"$result"; then
    echo "$result"
    get "build/devel/standard/$arch/sccache/_log" | tail -25 || true
    fail "the build"
fi
ok "built and published"
published=$work/obs/srv/obs/repos/devel/standard
[ -e "$published/repodata/repomd.xml" ] || fail "no repository for zypper"
for name in sccache sccache-dist; do ls "$published/$arch/$name"-[0-9]*."$arch".rpm >/dev/null || fail "$name is not published"; done
[ "$(rpm -qp --qf '%{VENDOR}' "$published/$arch"/sccache-[0-9]*.rpm 2>/dev/null | cut -c1-6)" = obs:// ] || fail "no vendor of the Open Build Service"
ok "$(cd "$published/$arch" && ls -- *.rpm | grep -v debug | paste -sd' ')"
stop_root

# zypper from there into the system that the backend ran in: the scriptlets want a shell. What libraries there are, those of
# this machine, a stub says in rpm's names.
root=$work/obs
"$here/provides_stub.py" runtime "$work/stubs" / >/dev/null
rm -rf "$work/local"
mkdir "$work/local"
cp "$work/stubs/debian-runtime-stub.rpm" "$work/local/"
createrepo_c -q "$work/local"
in_target() { rpm --root "$root" --dbpath /var/lib/rpm "$@" 2>/dev/null; }
z() { zypper --root "$root" --non-interactive --no-gpg-checks "$@"; }
in_target --initdb
in_target -i --nodeps "$work/stubs/debian-runtime-stub.rpm"
z ar "dir://$work/local" local >/dev/null
z ar "dir://$published" published >/dev/null
z install sccache >"$work/zypper.log" 2>&1 || { tail -20 "$work/zypper.log"; fail "zypper install"; }
for name in sccache sccache-dist; do
    in_target -q "$name" >/dev/null || fail "zypper did not install $name"
done
"$root/usr/bin/sccache" --version | grep -q "^sccache " || fail "the installed program"
ok "zypper installs both from the published repository: $("$root/usr/bin/sccache" --version | head -1)"
echo "all good"
