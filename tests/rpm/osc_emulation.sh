#!/bin/bash
# What `osc build --ccache=sccache` does with us: a package is built in a root of its own by the user abuild, with the
# variables that the Open Build Service's build program writes into /etc/profile.d; the cache is packed at once after the
# statistics were asked for, everything is killed, and the next build gets the unpacked archive. Six compiles: six misses,
# then six hits. Then the same variables with a Redis address, as its workers may set them.
#
#   tests/rpm/osc_emulation.sh BUILDTREE
# The root is this machine's own, below an overlay that is thrown away. Needs root, overlayfs and rpmbuild; no network.
set -euo pipefail
skip() { echo "SKIP: $*"; exit 77; }
here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "${1:-$PWD}" && pwd)

# The inner half: in its own mount, process and network namespaces, like a virtual machine that ends with us.
if [ "${OSC_EMULATION:-}" = inner ]; then
    mount --make-rprivate /
    if command -v ip >/dev/null; then ip link set lo up; fi
    mount -t tmpfs -o mode=0755 tmpfs "$WORK/fs"
    mkdir "$WORK"/fs/{up,wk,root}
    root=$WORK/fs/root
    mount -t overlay overlay -o "lowerdir=/,upperdir=$WORK/fs/up,workdir=$WORK/fs/wk" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    for directory in tmp home run var/tmp; do mount -t tmpfs -o mode=0755 tmpfs "$root/$directory"; done
    chmod 1777 "$root/tmp" "$root/var/tmp"

    install -D -m 0755 "$tree/bin/sccache" "$root/usr/bin/sccache"
    rm -rf "$root/usr/libexec/sccache"
    install -D -m 0755 -t "$root/usr/libexec/sccache" "$tree"/libexec/sccache/{sccache-server,sccache-cli}
    sed -i '/^abuild:/d' "$root/etc/passwd" "$root/etc/group" "$root/etc/shadow"
    echo 'abuild:x:399:399::/home/abuild:/bin/bash' >>"$root/etc/passwd"
    echo 'abuild:x:399:' >>"$root/etc/group"
    echo 'abuild:*:19000::::::' >>"$root/etc/shadow"
    mkdir -p "$root"/home/abuild/rpmbuild/SOURCES
    cp "$WORK"/toy-1.tar "$root/home/abuild/rpmbuild/SOURCES/"
    cp "$WORK/toy.spec" "$here/../../rpm/macros.standin" "$root/home/abuild/"
    chown -R 399:399 "$root/home/abuild"

    {
        echo 'export CARGO_INCREMENTAL=false RUSTC_WRAPPER=sccache CC="sccache cc" CXX="sccache c++"'
        echo 'export SCCACHE_SERVER_UDS="/tmp/sccache.sock"'
        if [ -n "${REDIS:-}" ]; then echo "export SCCACHE_REDIS=\"$REDIS\""
        else echo 'export SCCACHE_DIR="/.sccache" SCCACHE_CACHE_SIZE="1280M"'; fi
    } >"$root/etc/profile.d/build_sccache.sh"
    rm -rf "$root/.sccache"
    mkdir "$root/.sccache"
    [ ! -e "$WORK/ccache.tar" ] || tar -xf "$WORK/ccache.tar" -C "$root/.sccache"
    chown -hR 399:399 "$root/.sccache"
    as_abuild() { env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin chroot "$root" su -c "$1" - abuild; }

    as_abuild "sccache -s" >"$WORK/before" 2>&1 || { cat "$WORK/before"; exit 1; }
    # Born before the build and outside of it.
    [ -S "$root/tmp/sccache.sock" ] || { echo "FAIL sccache -s started no server"; exit 1; }
    macros=
    [ "$(rpm --eval '%cmake')" != %cmake ] || macros="--load ~/macros.standin"
    as_abuild "rpmbuild -ba --nodeps $macros ~/toy.spec" >"$WORK/rpmbuild.log" 2>&1 || { tail -30 "$WORK/rpmbuild.log"; exit 1; }
    [ -z "${RUST:-}" ] || as_abuild "\$RUSTC_WRAPPER $RUST --version" >"$WORK/rustc"
    as_abuild "sccache -s" >"$WORK/after" 2>"$WORK/after.err"
    as_abuild "sccache -s --stats-format json" >"$WORK/after.json" 2>/dev/null
    tar -cf "$WORK/ccache.tar" -C "$root/.sccache" .
    cp "$root/home/abuild/objects" "$WORK/objects"
    exit 0
fi

[ "$(id -u)" = 0 ] || skip "needs root for a root directory of its own"
for program in rpmbuild unshare cmake su tar python3; do command -v $program >/dev/null || skip "no $program here"; done
[ -x "$tree/bin/sccache" ] || { echo "no bin/sccache in $tree"; exit 1; }
WORK=$(mktemp -d /tmp/osc-emulation.XXXXXX)
export WORK
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/fs"
unshare --mount bash -c "mount --make-rprivate / && mount -t tmpfs t $WORK/fs && mkdir $WORK/fs/{u,w,r} &&
    mount -t overlay o -o lowerdir=/,upperdir=$WORK/fs/u,workdir=$WORK/fs/w $WORK/fs/r" 2>/dev/null || skip "no overlay of / can be mounted here"

# Six sources. What CMake asks of the compiler with -v and the link are no compiles to be cached.
mkdir -p "$WORK/toy-1"
printf 'cmake_minimum_required(VERSION 3.20)\nproject(toy LANGUAGES CXX)\nadd_executable(toy main.cpp a.cpp b.cpp c.cpp d.cpp e.cpp)\ninstall(TARGETS toy)\n' >"$WORK/toy-1/CMakeLists.txt"
echo '#include "toy.hpp"
int main() { return a() + b() + c() + d() + e() == 15 ? 0 : 1; }' >"$WORK/toy-1/main.cpp"
echo 'int a(), b(), c(), d(), e();' >"$WORK/toy-1/toy.hpp"
value=0
for name in a b c d e; do
    value=$((value + 1))
    printf '#include <string>\n#include "toy.hpp"\nint %s() { return int(std::string(%s, 0x78).size()); }\n' $name $value >"$WORK/toy-1/$name.cpp"
done
tar -C "$WORK" -cf "$WORK/toy-1.tar" toy-1
cat >"$WORK/toy.spec" <<'SPEC'
%define debug_package %{nil}
Name:           toy
Version:        1
Release:        0
Summary:        Six compiles
License:        Apache-2.0
Source0:        toy-1.tar
%description
Six compiles.
%prep
%setup -q
%build
%cmake
%cmake_build
%install
%cmake_install
%check
build/toy
find build/CMakeFiles/toy.dir -name '*.o' -exec sha256sum {} + | sort -k2 >~/objects
%files
%{_bindir}/toy
%changelog
SPEC

round() { OSC_EMULATION=inner unshare --mount --pid --net --fork --kill-child "$0" "$tree"; }
# counters FILE: hits misses compiles-executed
counters() {
    python3 -c 'import json, sys
stats = json.load(open(sys.argv[1]))["stats"]
print(sum(stats["cache_hits"]["counts"].values()), sum(stats["cache_misses"]["counts"].values()), stats["requests_executed"])' "$1"
}
expect() {
    local what=$1 want=$2 got=$3
    if [ "$want" = "$got" ]; then echo "ok   $what: $got"; else echo "FAIL $what: $got instead of $want"; cat "$WORK/after"; exit 1; fi
}

command -v rustc >/dev/null && RUST=$(command -v rustc) && [ -x "$RUST" ] && case $RUST in /usr/*) export RUST ;; *) unset RUST ;; esac
round
expect "first build: hits, misses, compiles" "0 6 6" "$(counters "$WORK/after.json")"
mv "$WORK/objects" "$WORK/objects.1"
[ "$(wc -l <"$WORK/objects.1")" = 6 ] || { echo "FAIL not six objects"; exit 1; }
[ -z "${RUST:-}" ] || grep -q '^rustc ' "$WORK/rustc" || { echo "FAIL rustc behind RUSTC_WRAPPER"; exit 1; }
round
expect "second build, from the archive: hits, misses, compiles" "6 0 6" "$(counters "$WORK/after.json")"
cmp "$WORK/objects.1" "$WORK/objects" || { echo "FAIL the objects differ"; exit 1; }
echo "ok   the objects are the same"
grep -q 'Cache location  *Local disk: "/.sccache"' "$WORK/after" || { echo "FAIL the cache is elsewhere"; cat "$WORK/after"; exit 1; }

rm -f "$WORK/ccache.tar"
REDIS=redis://127.0.0.1:26379/0 round
expect "with a Redis address: hits, misses, compiles" "0 6 6" "$(counters "$WORK/after.json")"
expect "lines said about it" 1 "$(grep -c 'notice: a remote cache is configured (redis)' "$WORK/after.err")"
expect "lines on stderr" 1 "$(wc -l <"$WORK/after.err")"
