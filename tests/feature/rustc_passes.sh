#!/bin/bash
# rustc as RUSTC_WRAPPER calls it works.
. "$(dirname "$0")/lib.sh"

needs rustc
export HOME=$REAL_HOME  # rustup keeps its toolchains there
rustc --version >/dev/null 2>&1 || skip "rustc does not run without a home directory"
echo 'pub fn f() -> u32 { 7 }' >lib.rs
sccache rustc --version >/dev/null
sccache rustc --crate-name x --crate-type rlib --emit=link --out-dir . lib.rs
expect_file libx.rlib
