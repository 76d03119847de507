#!/bin/bash
# cmake --install puts everything below DESTDIR and the prefix it is given, with the right modes, and the installed programs
# find each other there.
#   tests/rpm/destdir.sh BUILDTREE
set -euo pipefail
tree=$(cd "${1:-$PWD}" && pwd)
work=$(mktemp -d /tmp/destdir.XXXXXX)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL $*"; exit 1; }
prefix=$(sed -n 's/^CMAKE_INSTALL_PREFIX:[A-Z]*=//p' "$tree/CMakeCache.txt")

DESTDIR=$work/root cmake --install "$tree" >"$work/log" 2>&1 || { tail -3 "$work/log"; fail "cmake --install"; }
outside=$(find "$work/root" ! -type d ! -path "$work/root$prefix/*" ! -path "$work/root/etc/*")
[ -z "$outside" ] || fail "outside of $prefix: $outside"
at=$work/root$prefix
for file in bin/sccache libexec/sccache/sccache-server libexec/sccache/sccache-cli share/man/man1/sccache.1 lib/systemd/user/sccache.service \
    share/bash-completion/completions/sccache; do
    [ -f "$at/$file" ] || fail "$file is missing"
done
for name in cc c++ gcc g++ clang clang++; do
    [ "$at/libexec/sccache/masquerade/$name" -ef "$at/bin/sccache" ] || fail "masquerade/$name is no link to sccache"
done
if [ -e "$at/bin/sccache-dist" ]; then
    for file in scheduler builder; do
        mode=$(find "$work/root" -path "*/sccache/$file.conf" -printf %m)
        [ "$mode" = 600 ] || fail "$file.conf has mode $mode"
        grep -q "^ExecStart=$prefix/bin/sccache-dist " "$at/lib/systemd/system/sccache-dist-$file.service" || fail "path in the unit of the $file"
    done
fi
[ "$(find "$work/root" -path '*/sccache/client.example' -printf %m)" = 644 ] || fail "mode of client.example"
leaks=$(grep -rlI -e "$tree" -e "$work" "$work/root" || true)
[ -z "$leaks" ] || fail "paths of the build in: $leaks"

# Another prefix, and a tree that was moved. Below a DESTDIR again: a build for a package has absolute directories, which
# another prefix does not move, and a test writes nowhere else.
DESTDIR=$work/other cmake --install "$tree" --prefix "$work/first" >"$work/log" 2>&1 || { tail -3 "$work/log"; fail "cmake --install --prefix"; }
(cd "$at" && find . | sort) >"$work/list"
if grep -qE '^(SYSTEMD_UNIT_DIR|CMAKE_INSTALL_DOCDIR):[A-Z]*=/' "$tree/CMakeCache.txt" || [ "$prefix" = /usr ]; then
    echo "a build for a package: which files another prefix gets is not compared"
else
    (cd "$work/other$work/first" && find . | sort) | diff "$work/list" - || fail "--prefix installs other files"
fi
mv "$work/other$work/first" "$work/second"
env -i HOME="$work" PATH="$PATH" SCCACHE_DIR="$work/cache" SCCACHE_SERVER_UDS="$work/s" "$work/second/bin/sccache" -s >"$work/said" || fail "a moved sccache -s"
grep -q "^Version (client) " "$work/said" || fail "a moved sccache says: $(cat "$work/said")"
echo "ok: $(grep -c . "$work/list") files and directories below $prefix"
