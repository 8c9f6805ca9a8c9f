#!/usr/bin/env bash
# Proves that the smallest decoder runs in WebAssembly and gives the same bytes: builds it for
# wasm32-unknown-unknown, which needs no C compiler, and decodes the vectors of spec/vectors in node.
#
# usage: scripts/wasm.sh [--all]       --all takes the large archives with a model, too: minutes each
#
# Needs node 20 or newer, and the target: rustup target add wasm32-unknown-unknown
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

command -v node >/dev/null || fail "node is missing"
target=wasm32-unknown-unknown
# 128-bit vectors, which every browser and node 16 have; the bits do not depend on them.
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=+simd128"
cargo build --quiet --locked --release --package llz-wasm-check --target $target
module=${CARGO_TARGET_DIR:-target}/$target/release/llz_wasm_check.wasm
ls -l "$module"
node crates/wasm-check/check.mjs "$module" spec/vectors "$@"
