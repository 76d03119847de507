#!/bin/bash
# The life of the installed packages, by zypper in a booted system without a network, from a signed repository:
# installation, the farm of the guide, upgrade from our own earlier version and from the layouts of earlier packages of the
# name, removal. Prints ok or FAIL for each outcome.
#
#   tests/rpm/install.sh RPMDIR ROOT WORK
# RPMDIR: RPMS of rpm/build. ROOT: a Debian system with systemd, zypper, gcc and the libraries (see tests/rpm/packages); it
# is copied. WORK: a directory for that. Needs root.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/boot.sh"
rpms=$(cd "$1" && pwd) base=$(cd "$2" && pwd) work=$3
mkdir -p "$work"
work=$(cd "$work" && pwd)
bad=0
ok() { echo "ok   $1"; }
no() {
    echo "FAIL $1"
    bad=$((bad + 1))
    [ $# -lt 2 ] || sed 's/^/     | /' "$2" | tail -25
}
check() {
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then ok "$what"; else no "$what" "$work/said"; fi
}
not() { ! "$@"; }
says() { grep -q -e "$1" "$work/said" && ok "$2" || no "$2" "$work/said"; }
rpm_in() { in_root rpm --dbpath /var/lib/rpm "$@"; }
z() { in_root zypper --non-interactive "$@"; }

export GNUPGHOME=$work/gnupg
rm -rf "$GNUPGHOME" "$work/repo"
mkdir -p -m 0700 "$GNUPGHOME"
mkdir "$work/repo"
gpg --batch --quiet --passphrase '' --quick-generate-key packages@example.org rsa3072 sign never 2>/dev/null
"$here/provides_stub.py" runtime "$work/stubs" "$base" >/dev/null

# repository RPM...: these and the stub, signed; the contents of the bound directory are replaced, not the directory.
repository() {
    rm -rf "$work"/repo/*
    cp "$work/stubs/debian-runtime-stub.rpm" "$@" "$work/repo/"
    rpmsign --define '__gpg /usr/bin/gpg' --define '_gpg_name packages@example.org' --define "_gpg_path $GNUPGHOME" --addsign "$work"/repo/*.rpm >/dev/null 2>&1
    createrepo_c -q "$work/repo"
    gpg --batch --yes --detach-sign --armor "$work/repo/repodata/repomd.xml"
    gpg --batch --armor --export packages@example.org >"$work/repo/repodata/repomd.xml.key"
}
boot_fresh() {
    rm -rf "$work/root"
    cp -a --reflink=auto "$base" "$work/root"
    # openSUSE enables nothing by itself; Debian does.
    mkdir -p "$work/root/usr/lib/systemd/system-preset" "$work/root/usr/lib/systemd/user-preset" "$work/root/usr/share/doc"
    echo 'disable *' | tee "$work/root/usr/lib/systemd/system-preset/00-none.preset" >"$work/root/usr/lib/systemd/user-preset/00-none.preset"
    rm -rf "$work/root/etc/dpkg/dpkg.cfg.d"
    boot_root "$work/root" --bind-ro="$work/repo:/repo" || exit 1
    z ar dir:///repo local >/dev/null 2>&1
}
trap stop_root EXIT
ours=("$rpms"/*/sccache-[0-9]*.rpm "$rpms"/*/sccache-dist-[0-9]*.rpm)
[ ${#ours[@]} = 2 ] && [ -f "${ours[0]}" ] && [ -f "${ours[1]}" ] || { echo "FAIL no pair of packages in $rpms"; exit 1; }
conf=/etc/sccache/scheduler.conf

echo "- a fresh system"
repository "${ours[@]}"
boot_fresh
check "an unknown key is refused" not z refresh
check "the key is taken when asked" z --gpg-auto-import-keys refresh
check "zypper install sccache" z install sccache
# What follows means nothing without it.
[ $bad = 0 ] || exit 1
check "the farm comes with it" rpm_in -q sccache-dist
check "rpm -V finds nothing" rpm_in -V sccache sccache-dist
check "scheduler.conf has mode 600" in_root test "$(in_root stat -c %a:%U $conf)" = 600:root
check "client.example has mode 644" in_root test "$(in_root stat -c %a /etc/sccache/client.example)" = 644
check "no unit is enabled" not in_root systemctl is-enabled -q sccache-dist-scheduler.service sccache-dist-builder.service
check "no user unit is enabled" not in_root systemctl --global is-enabled -q sccache.socket
check "the units are well-formed" in_root systemd-analyze verify --man=no /usr/lib/systemd/system/sccache-dist-{scheduler,builder}.{service,socket}
check "the catalogue is known" in_root bash -c "journalctl --list-catalog 2>/dev/null | grep -q 'compile farm'"
check "the manual pages are there" in_root test -f /usr/share/man/man1/sccache.1.gz -a -f /usr/share/man/man8/sccache-dist-builder.service.8.gz
in_root bash -c 'cd /tmp && printf "int f(void) { return 1; }\n" >x.c' && rm -f "$work/said"
check "a compile behind the masquerade" in_root bash -c 'cd /tmp && PATH=/usr/libexec/sccache/masquerade:$PATH gcc -c x.c -o x.o && sccache -s --stats-format json | grep -q "\"compile_requests\":1,"'
check "the examples' secrets are refused" not in_root systemctl start sccache-dist-scheduler.service

echo "- the farm of the guide"
in_root systemctl reset-failed
token=$(in_root sccache-dist auth generate-shared-token)
key=$(in_root sccache-dist auth generate-jwt-hs256-key)
in_root sed -i "s|token here|$token|; s|my secret key|$key|" $conf
server_token=$(in_root sccache-dist auth generate-jwt-hs256-server-token --config $conf --secret-key "$key" --server 127.0.0.1:10501)
in_root sed -i "s|token goes here|$server_token|" /etc/sccache/builder.conf
check "the scheduler starts" in_root systemctl enable --now sccache-dist-scheduler.service
check "the builder starts" in_root systemctl enable --now sccache-dist-builder.service
in_root useradd -m ann 2>/dev/null
in_root mkdir -p /home/ann/.config/sccache
in_root bash -c "sed 's|^scheduler_url = .*|scheduler_url = \"http://127.0.0.1:10600\"|; s|^token = .*|token = \"$token\"|' /etc/sccache/client.example >/home/ann/.config/sccache/config; chown -R ann: /home/ann"
as_ann() { in_root su -c "$1" - ann; }
for try in $(seq 40); do
    as_ann "sccache --dist-status" >"$work/said" 2>&1
    grep -q '"num_servers":1' "$work/said" && break
    sleep 0.5
done
says '"num_servers":1' "--dist-status sees the builder"
as_ann "printf '#include <stdlib.h>\nint main(void) { return abs(-3); }\n' >hello.c"
check "a compile" as_ann "SCCACHE_DIST=always sccache gcc -O2 -c hello.c -o hello.o && gcc -O2 -c hello.c -o plain.o && cmp hello.o plain.o"
as_ann "sccache -s --stats-format json" >"$work/said" 2>&1
says '"dist_compiles":{"[^}]*":1}' "it was compiled by the builder"
check "the second compile is a hit" as_ann "rm hello.o; SCCACHE_DIST=always sccache gcc -O2 -c hello.c -o hello.o && sccache -s --stats-format json | grep -q '\"cache_hits\":{\"counts\":{\"C/C++\":1}'"
in_root journalctl -q --no-pager -o cat -u sccache-dist-scheduler.service -u sccache-dist-builder.service >"$work/said"
for line in "Job 0 created and will be assigned to server" "Job 0 successfully assigned" "Job 0 updated state to Started" "Job 0 updated state to Complete"; do
    grep -qiE "${line// 0 / [0-9]+ }" "$work/said" && ok "journal: $line" || no "journal: $line" "$work/said"
done
check "systemctl reload" in_root systemctl reload sccache-dist-scheduler.service
in_root bash -c "cp -p $conf /root/good; echo 'nonsense = 1' | cat - /root/good >$conf"
check "a reload of a bad file fails" not in_root systemctl reload sccache-dist-scheduler.service
in_root cp -p /root/good $conf
check "no trace of the configuration's secrets in the journal" not in_root bash -c "journalctl -q --no-pager | grep -qF -e '$token' -e '$key'"

echo "- removal"
check "zypper remove" z remove sccache sccache-dist
check "the services are gone" not in_root systemctl is-active -q sccache-dist-scheduler.service sccache-dist-builder.service
check "no enabled unit is left" not in_root bash -c 'ls /etc/systemd/system/*.wants/ | grep sccache'
check "the edited files are kept aside" in_root test -f $conf.rpmsave -a -f /etc/sccache/builder.conf.rpmsave
in_root bash -c 'find / -xdev -path "*sccache*" ! -path "/proc/*" ! -path "/repo/*" ! -path "/home/*" ! -path "/var/cache/*" ! -path "/var/lib/private/*" ! -path "/var/lib/sccache*" ! -path "/var/log/*" ! -path "/root/.cache/*" ! -path "/run/*" ! -path "/tmp/*" ! -path "/etc/sccache*"' >"$work/said" 2>/dev/null
[ -s "$work/said" ] && no "nothing else is left" "$work/said" || ok "nothing else is left"
stop_root

# from NAME RPM...: the upgrade from these packages, with an edited scheduler.conf.
from() {
    local name=$1
    shift
    echo "- upgrade from $name"
    repository "$@"
    boot_fresh
    z --gpg-auto-import-keys refresh >/dev/null 2>&1
    check "the old package" z install sccache
    in_root bash -c "echo '# of this site' >>$conf"
    in_root sed -i 's/token here/a-token-of-this-site/; s/my secret key/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/' $conf
    case $name in *0.18*) ;; *) in_root systemctl enable --quiet --now sccache-dist-scheduler.service ;; esac
    repository "${ours[@]}"
    z refresh -f >/dev/null 2>&1
    check "zypper update" z update --allow-vendor-change sccache
    local said=$work/update
    cp "$work/said" "$said"
    check "the new version" in_root bash -c "rpm --dbpath /var/lib/rpm -q sccache-dist | grep -q $(rpm -qp --qf '%{version}' "${ours[1]}" 2>/dev/null)"
    check "the edited file is kept" in_root grep -q 'of this site' $conf
    check "ours is beside it" in_root grep -q 'generate-shared-token' $conf.rpmnew
    check "its new neighbour is root's alone" in_root test "$(in_root stat -c %a $conf.rpmnew)" = 600
    case $name in *0.18*) ;; *)
        check "the scheduler is still enabled" in_root systemctl is-enabled -q sccache-dist-scheduler.service
        check "and runs again" in_root bash -c 'for try in $(seq 50); do systemctl show -p ExecStart,SubState sccache-dist-scheduler | grep -q running &&
            readlink /proc/$(systemctl show -p MainPID --value sccache-dist-scheduler)/exe | grep -qx /usr/bin/sccache-dist && exit; sleep 0.2; done; systemctl status sccache-dist-scheduler; exit 1' ;;
    esac
    check "the untouched file is the new one" in_root grep -q scheduler_auth /etc/sccache/builder.conf
    check "and root's alone" in_root test "$(in_root stat -c %a /etc/sccache/builder.conf)" = 600
    if [ "$name" = ours ]; then
        check "rpm -V names the edited file only" test "$(rpm_in -V sccache sccache-dist 2>/dev/null)" = "S.5....T.  c $conf"
    else
        cp "$said" "$work/said"
        says "chmod 0600 $conf" "zypper shows that others can read the secrets"
        check "the program says so, too" in_root bash -c "sccache-dist scheduler --check-config 2>&1 | grep -q 'chmod 0600 $conf'"
    fi
    stop_root
}
"$here/repack.sh" ours "$rpms" 0.99.0 "$work/old" >/dev/null || no "an older package of ours"
from ours "$work"/old/*/*.rpm
for version in 0.16.0~0 0.18.0~2; do
    "$here/repack.sh" factory "$version" "$work/factory-$version" >/dev/null || no "a package $version"
    from "another package, $version" "$work/factory-$version"/*/*.rpm
done

echo "- tampering"
repository "${ours[@]}"
boot_fresh
z --gpg-auto-import-keys refresh >/dev/null 2>&1
sed -i 's|</repomd>| </repomd>|' "$work/repo/repodata/repomd.xml"
check "changed metadata is refused" not z refresh -f
stop_root

[ $bad = 0 ] && echo "all good" || echo "$bad failed"
[ $bad = 0 ]
