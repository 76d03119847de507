# What the Open Build Service is given: the package's sources, as its services make them from the commit, and the packages
# of Debian that its build roots consist of. To be sourced.

OBS_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# make_sources DIR: what is committed to the package there.
make_sources() {
    rm -rf "$1"
    mkdir -p "$1"
    "$OBS_HERE/../../obs/fill" "$1"
}

# debian_names PRJCONF: every package that this project configuration asks for; cmake alone has the same name here and there.
debian_names() {
    { sed -nE 's/^(Preinstall|Required|Support): //p; s/^Substitute: [^ ]+ //p' "$1"; echo cmake; } | tr ' ' '\n' | grep -vx rpm-provides-stub | sort -u
}

# make_debs DIR PRJCONF: those packages and what they need, and one more that tells rpm in the root, in rpm's names, what
# is installed there, so that rpmbuild checks the BuildRequires. Needs root; a DIR that has them already is taken as it is.
make_debs() {
    local out=$1 work
    debian_names "$2" | cmp -s - "$out/done" && return 0
    work=$(mktemp -d "$out.XXXXXX")
    mmdebstrap --variant=minbase --skip=cleanup/apt/cache,essential/unlink,cleanup/apt \
        --include="$(debian_names "$2" | paste -sd,)" bookworm "$work/root" >"$out.log" 2>&1 || { tail -5 "$out.log"; rm -rf "$work"; return 1; }
    rm -rf "$out"
    mkdir -p "$out" "$work/stub/DEBIAN" "$work/stub/usr/share/rpm-provides-stub"
    cp "$work/root"/var/cache/apt/archives/*.deb "$out/"
    "$OBS_HERE/provides_stub.py" build "$work/stub/usr/share/rpm-provides-stub" "$work/root" >/dev/null
    printf 'Package: rpm-provides-stub\nVersion: 1\nArchitecture: all\nMaintainer: sccache contributors\nDepends: rpm\nDescription: what is installed here, in the words of rpm\n' \
        >"$work/stub/DEBIAN/control"
    printf '#!/bin/sh\nset -e\nrpm --dbpath /var/lib/rpm --initdb\nrpm --dbpath /var/lib/rpm -i --force --nodeps /usr/share/rpm-provides-stub/*.rpm 2>/dev/null\n' \
        >"$work/stub/DEBIAN/postinst"
    chmod 0755 "$work/stub/DEBIAN/postinst"
    dpkg-deb --root-owner-group -b "$work/stub" "$out/rpm-provides-stub_1_all.deb" >/dev/null
    rm -rf "$work"
    debian_names "$2" >"$out/done"
}
