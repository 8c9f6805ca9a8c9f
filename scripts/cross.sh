#!/usr/bin/env bash
# Proves that other CPUs give the same bits, under user-mode emulation: AArch64 with `sdot` and
# without it, and s390x, which is big-endian. For each, from sources:
#
#   1. the unit tests of the arithmetic, the mixer, the coder, the vocabulary and the format;
#   2. the golden archives of spec/vectors decode to the same bytes;
#   3. archives made on this machine unpack there, and packing there gives the same archives.
#
# An emulated CPU is some fifty times slower, so nothing is run that differs only in what does not reach
# the arithmetic: the tests of chunks on threads (codec::tests), whose bits the archives show, and all but
# one of the levels that use the same model and contexts, which give this tree the same chunks.
#
# Needs Debian 12's rustc-web with its sources, because std is built for the target too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

install=no
cpus=()
for argument in "$@"; do
    case $argument in
        --install) install=yes ;;
        aarch64 | s390x) cpus+=("$argument") ;;
        *) fail "usage: scripts/cross.sh [--install] [aarch64|s390x]..." ;;
    esac
done
[[ ${#cpus[@]} -gt 0 ]] || cpus=(aarch64 s390x)

declare -A debian=([aarch64]=arm64 [s390x]=s390x)
packages=(rustc-web cargo-web rust-web-src qemu-user-static)
for cpu in "${cpus[@]}"; do
    packages+=("gcc-$cpu-linux-gnu" "libc6-dev-${debian[$cpu]}-cross")
done
need "$install" "${packages[@]}"

# Debian's own compiler by its full path, whatever rustup put before it.
export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_S390X_UNKNOWN_LINUX_GNU_LINKER=s390x-linux-gnu-gcc
cargo() { /usr/bin/cargo "$@"; }
cross() { # cross COMMAND ARGUMENT…: cargo for the target
    cargo "$1" --quiet --locked --release -Zbuild-std --target "$target" "${@:2}"
}

vectors=$PWD/spec/vectors
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step "build for this machine, and pack here"
out=$(realpath -m "${CARGO_TARGET_DIR:-target}")
cargo build --quiet --locked --release
sample "$scratch/sample"
for level in 1 4 6; do
    (cd "$scratch" && "$out/release/llz" pack -q --level "$level" sample -o "here-$level.llz")
done
ls -l "$scratch"/*.llz

# check KERNEL EMULATED-CPU: everything on one emulated CPU, by one set of kernels.
check() {
    local kernel=$1 emulator="qemu-$cpu-static -L /usr/$cpu-linux-gnu -cpu $2"
    local runner=CARGO_TARGET_${cpu^^}_UNKNOWN_LINUX_GNU_RUNNER
    export "$runner=$emulator" LLZ_KERNEL=$kernel

    step "$cpu ($2, $kernel): unit tests"
    cross test --lib -- kernel:: mixer:: coder:: vocab:: model:: codec:: format:: --skip codec::tests
    local llz=$out/$target/release/llz level vector golden=$scratch/golden same='tree-level[35789]'
    step "$cpu ($2, $kernel): golden archives and streams"
    rm -rf "$golden"
    for vector in spec/vectors/good-*.llz; do
        [[ $vector != *good-$same.llz ]] || continue
        mkdir -p "$golden/$(basename "$vector")"
        # shellcheck disable=SC2086 # the emulator is a command and its options
        # Code 4: links that lead out are left out.
        $emulator "$llz" unpack -q "$vector" -C "$golden/$(basename "$vector")" || [ $? -eq 4 ]
    done
    for vector in spec/vectors/good-*.llzs; do
        # shellcheck disable=SC2086
        $emulator "$llz" filter -q -d <"$vector" >"$golden/$(basename "$vector")"
    done
    grep -v "good-$same" "$vectors/trees.sha256" >"$scratch/trees.sha256"
    (cd "$golden" && sha256sum --quiet -c "$scratch/trees.sha256")
    echo "$(wc -l <"$scratch/trees.sha256") files: same bytes"
    step "$cpu ($2, $kernel): archives from here, and the same made there"
    for level in 1 4 6; do
        # shellcheck disable=SC2086 # the emulator is a command and its options
        (
            cd "$scratch" && rm -rf there there.llz
            $emulator "$llz" unpack -q "here-$level.llz" -C there
            diff -r sample there/sample
            $emulator "$llz" pack -q --level "$level" sample -o there.llz
            cmp "here-$level.llz" there.llz
            echo "level $level: same bytes"
        )
    done
    unset "$runner" LLZ_KERNEL
}

for cpu in "${cpus[@]}"; do
    target=$cpu-unknown-linux-gnu
    step "$cpu: build"
    cross build
    cross test --no-run --lib
    case $cpu in
        aarch64)
            check neon max
            check portable cortex-a53
            ;;
        s390x) check portable max ;;
    esac
done

step "all the same: ${cpus[*]}"
