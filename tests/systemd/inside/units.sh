#!/bin/bash
# The units as files: no mistakes in them, and how exposed they are.
. /t/lib.sh

units=/usr/local/lib/systemd
for unit in "$units"/system/sccache-dist-*; do
    said=$(systemd-analyze verify --recursive-errors=no --man=no "$unit" 2>&1)
    ok $? "verify ${unit##*/}" "$said"
    is "nothing to say about ${unit##*/}" "$said" ""
done
exposure() { systemd-analyze security --no-pager "$1" 2>/dev/null | tail -n 1; }
echo "# $(exposure sccache-dist-scheduler.service)"
echo "# $(exposure sccache-dist-builder.service)"
systemd-analyze security --threshold=15 --no-pager sccache-dist-scheduler.service >/tmp/said 2>/dev/null
ok $? "the scheduler's exposure is at most 1.5" "$(grep -v '✓' /tmp/said)"
systemd-analyze security --threshold=40 --no-pager sccache-dist-builder.service >/tmp/said 2>/dev/null
ok $? "the builder's exposure is at most 4.0" "$(grep -v '✓' /tmp/said)"
mkdir -p /etc/systemd/system/sccache-dist-builder.service.d
cp /usr/local/share/doc/sccache/sccache-dist-builder-root.conf /etc/systemd/system/sccache-dist-builder.service.d/root.conf
systemctl daemon-reload
echo "# as root: $(exposure sccache-dist-builder.service)"
finish
