#!/bin/bash
# Builds the package of HEAD with the Open Build Service's own `build`, the program inside each of its workers: a root made
# of Debian's packages by obs/prjconf.debian12, BuildRequires checked by rpm, %build and %check by the user abuild without a
# network. Takes long and fetches packages of Debian, so it is no part of the ordinary test run.
#
#   tests/rpm/obs_build.sh WORK [options of build]
# Needs root on a Debian 12 with obs-build, mmdebstrap, rpm and git. BUILD_DIR names another copy of obs-build. Packages
# of Debian that an earlier run left in WORK are used again. The packages end in WORK/packages.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/obs_sources.sh"
skip() { echo "SKIP: $*"; exit 77; }
[ $# -ge 1 ] || { echo "usage: tests/rpm/obs_build.sh WORK [options of build]" >&2; exit 2; }
export BUILD_DIR=${BUILD_DIR:-/usr/lib/obs-build}
[ "$(id -u)" = 0 ] || skip "needs root for a build root"
[ -x "$BUILD_DIR/build" ] || skip "no $BUILD_DIR/build here: it is in the package obs-build"
for program in mmdebstrap dpkg-deb rpmbuild unshare git; do command -v $program >/dev/null || skip "no $program here"; done
mkdir -p "$1"
work=$(cd "$1" && pwd)
shift
project=$here/../../obs/prjconf.debian12
fail() { echo "FAIL $*"; tail -25 "$work/build.log"; exit 1; }

make_debs "$work/debs" "$project" || skip "no packages of Debian can be had"
make_sources "$work/sources"

# build [options]: in namespaces of its own, as a worker's virtual machine ends with the build and has no network.
obs_build() {
    unshare --net --mount --pid --fork --kill-child bash -c '
        mount --make-rprivate / && mount -t proc proc /proc
        ip link set lo up 2>/dev/null || true
        cd "$1" && shift && exec "$BUILD_DIR/build" "$@" sccache.spec' build "$work/sources" \
        --root "$work/root" --dist "$project" --repository "$work/debs" --arch "$(uname -m)" --jobs "$(nproc)" "$@" >"$work/build.log" 2>&1 </dev/null
}
says() { grep -qE -- "$1" "$work/build.log" && echo "ok   $2" || fail "$2"; }

debug=--debug
! "$BUILD_DIR/build" --help 2>&1 | grep -q -- --debuginfo || debug=--debuginfo
obs_build --clean "$debug" "$@" || fail "the build"
says 'user abuild\)' "the user is abuild"
says '100% tests passed' "%check: $(grep -E 'tests passed|tests failed out of' "$work/build.log" | tail -1)"
! grep -qE '^error: Failed build dependencies|--nodeps' "$work/build.log" || fail "BuildRequires are checked"
rm -rf "$work/packages"
mkdir "$work/packages"
find "$work/root/home/abuild/rpmbuild" "$work/root/usr/src/packages" -name '*.rpm' -exec cp -p {} "$work/packages/" \; 2>/dev/null || true
for name in sccache sccache-dist sccache-debuginfo sccache-debugsource; do
    ls "$work/packages/$name"-[0-9]*."$(uname -m)".rpm >/dev/null 2>&1 && echo "ok   $name" || fail "no package $name"
done
ls "$work/packages"/sccache-[0-9]*.src.rpm >/dev/null 2>&1 || fail "no source package"
echo "all good"
