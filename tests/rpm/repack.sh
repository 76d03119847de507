#!/bin/bash
# Makes packages to upgrade from.
#   tests/rpm/repack.sh ours RPMDIR VERSION OUT   ours again under another version, with a default configuration that differs
#   tests/rpm/repack.sh factory VERSION OUT       the layout of another package of our name: one package, files of mode 0644
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kind=$1
shift
top=$(mktemp -d /tmp/repack.XXXXXX)
trap 'rm -rf "$top"' EXIT
macros=()
[ "$(rpm --eval '%cmake')" != %cmake ] || macros=(--load "$here/../../rpm/macros.standin")
build() { rpmbuild -bb --quiet --nodeps "${macros[@]}" --define "_topdir $top" --define "_rpmdir $1" --define 'debug_package %{nil}' \
    --define '_enable_debug_packages 0' --define '__brp_strip %{nil}' --define '__brp_compress %{nil}' "$top/new.spec" >"$top/log" 2>&1 || { tail -20 "$top/log"; exit 1; }; }

if [ "$kind" = ours ]; then
    rpms=$(cd "$1" && pwd) version=$2 out=$3
    mkdir -p "$top/payload" "$out"
    for file in "$rpms"/*/sccache-[0-9]*.rpm "$rpms"/*/sccache-dist-[0-9]*.rpm; do (cd "$top/payload" && rpm2cpio "$file" | cpio -idm --quiet); done
    echo "# An older default." >>"$top/payload/etc/sccache/scheduler.conf"
    # The real scriptlets and the real list of files; only where the files come from is another place.
    awk -v payload="$top/payload" -v version="$version" '
        /^Version:/ { print "Version: " version; next }
        /^(BuildRequires|Source)/ { next }
        /^%prep/ { print "%install\ncp -a " payload "/. %{buildroot}/"; skip = 1; next }
        /^%(post|pre|files)/ { skip = 0 }
        /^%changelog/ { exit }
        !skip { print }' "$here/../../rpm/sccache.spec" |
        sed 's|^%license LICENSE|%license %{_datadir}/licenses/*/LICENSE|; s|^%doc README.md|%doc %{_docdir}/sccache/README.md|' >"$top/new.spec"
    build "$out"
else
    version=$1 out=$2
    mkdir -p "$out"
    {
        echo "Name: sccache
Version: $version
Release: 0
Summary: Files at the places of an earlier package
License: Apache-2.0
AutoReqProv: no
%description
Nothing that runs.
%install
install -d %{buildroot}%{_bindir} %{buildroot}/etc/sccache %{buildroot}%{_unitdir}
printf '#!/bin/sh\\nexit 0\\n' >%{buildroot}%{_bindir}/sccache
chmod 0755 %{buildroot}%{_bindir}/sccache
printf 'public_addr = \"127.0.0.1:10600\"\\n\\n[client_auth]\\ntype = \"token\"\\ntoken = \"token here\"\\n\\n[server_auth]\\ntype = \"jwt_hs256\"\\nsecret_key = \"my secret key\"\\n' >%{buildroot}/etc/sccache/scheduler.conf
printf 'public_addr = \"127.0.0.1:10501\"\\n' >%{buildroot}/etc/sccache/builder.conf
printf '[dist]\\n' >%{buildroot}/etc/sccache/client.example"
        case $version in 0.18*) ;; *) echo "for kind in scheduler builder; do
printf '[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n' >%{buildroot}%{_unitdir}/sccache-dist-\$kind.service; done" ;; esac
        echo "%files
%{_bindir}/sccache
%dir /etc/sccache
%attr(0644,root,root) %config(noreplace) /etc/sccache/scheduler.conf
%attr(0644,root,root) %config(noreplace) /etc/sccache/builder.conf
%attr(0644,root,root) %config(noreplace) /etc/sccache/client.example"
        case $version in 0.18*) ;; *) echo "%{_unitdir}/sccache-dist-scheduler.service
%{_unitdir}/sccache-dist-builder.service" ;; esac
    } >"$top/new.spec"
    build "$out"
fi
find "$out" -name '*.rpm'
