#!/usr/bin/env bash
# Looks for undefined behaviour where `unsafe` stands, and where it is called from, in three ways:
#
#   address   AddressSanitizer under the unit tests of the rooms with `unsafe` and of those that work on
#             threads or with models: accesses out of bounds, use after free, leaks. It runs the fastest
#             kernels that this CPU has, and the others in the tests that compare them.
#   miri      Miri, an interpreter of Rust, under the unit tests of the kernels by the portable path:
#             besides, values that were never set, alignment, pointers that alias. It has no maps of
#             files and no signals, so the rooms sys and process are left to the other two.
#   memcheck  valgrind's memcheck while the whole program unpacks archives of spec/vectors by AVX2, as
#             valgrind knows no AVX-512: decisions on values that were never set, in libraries, too.
#
# usage: scripts/sanitize.sh [address|miri|memcheck]...     all three: half an hour on two cores
#
# Needs valgrind, and for Miri: rustup toolchain install nightly --component miri,rust-src
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

ways=("$@")
[[ ${#ways[@]} -gt 0 ]] || ways=(address miri memcheck)
target=x86_64-unknown-linux-gnu
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")

address() {
    # The compiler's own switch, which a stable release keeps behind this variable.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$out/address \
        cargo test --locked --target $target --lib -- kernel:: sys:: process:: mixer:: model:: codec::
}

miri() {
    # Few cases of each property: an interpreted kernel is some thousand times slower; a hundred steps of
    # the recurrence, which has no unsafe code of its own, are left out. Without isolation, because
    # proptest looks for its file of past failures.
    PROPTEST_CASES=2 MIRIFLAGS=-Zmiri-disable-isolation CARGO_TARGET_DIR=$out/miri \
        cargo +nightly miri test --locked --lib --no-default-features --features encode -- kernel:: \
        --skip the_state_is_that_of_the_recurrence
}

memcheck() {
    command -v valgrind >/dev/null || fail "valgrind is missing"
    cargo build --quiet --locked
    local scratch vector
    scratch=$(mktemp -d)
    # Levels 1 and 6: contexts alone, and a model; the others run the same code.
    for vector in tree-level1 tree-level6 repeats ancillary; do
        step "memcheck: good-$vector.llz"
        # It does not know openat2, and says so; the program then does without.
        LLZ_KERNEL=avx2 valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite \
            --errors-for-leak-kinds=definite "$out/debug/llz" unpack -q "spec/vectors/good-$vector.llz" -C "$scratch/$vector"
    done
    rm -rf "$scratch"
}

for way in "${ways[@]}"; do
    case $way in
        address | miri | memcheck) step "$way"; "$way" ;;
        *) fail "usage: scripts/sanitize.sh [address|miri|memcheck]..." ;;
    esac
done
step "nothing found: ${ways[*]}"
