#!/bin/bash
# --version names the version and that this is an independent implementation; --help lists the options.
. "$(dirname "$0")/lib.sh"

expect_rc 0 sccache --version
head -1 "$T/out" | grep -qE '^sccache 1\.[0-9]+\.[0-9]+' || fail "version: $(cat "$T/out")"
expect_rc 0 sccache --help
for option in --show-stats --show-adv-stats --start-server --stop-server --zero-stats --stats-format --version; do expect_text "$T/out" "$option"; done
expect_rc 2 sccache --no-such-option
expect_text "$T/err" "no-such-option"
[ -z "$(servers)" ] || fail "a question started a server"
