#!/usr/bin/env bash
# What each part of the codec earns, and what chunk sizes cost, as Markdown tables (docs/measurements.md).
#
#   bench/parts.sh [DIR]       default: ../shared/eval-public
#
# Parts: ideal code lengths of the first 160,000 bytes of every folder; the range coder adds less than
# 0.01 %. Chunks: real coded bytes of the text folders end to end, decoded again and compared
# (ENCODE_ONLY=1 leaves that out).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
prepare
cargo build --release --quiet --manifest-path "$repo/Cargo.toml" --package llz-tools >&2
tools=$repo/target/release

echo "Bytes, with one part after the other:"
echo
folders=()
for folder in "$data"/*/; do
    [[ $folder == */binary/ ]] || folders+=("${folder%/}")
done
"$tools/train_prior" collect small "$scratch/cache" 160000 "${folders[@]}" >&2
"$tools/train_prior" eval small "$scratch/cache"

echo
echo "Chunk sizes at the default level, on the text folders end to end:"
echo
texts "$data" "$scratch/text"
echo "| chunk | bytes | against 1 MiB |"
echo "|---|---:|---:|"
declare -A bytes
sizes=(64 256 1024 4096)
for kilobytes in "${sizes[@]}"; do
    bytes[$kilobytes]=$("$tools/measure" 6 "$kilobytes" "$(nproc)" "$scratch/text" |
        awk '/^total/ { print $4 }')
done
for kilobytes in "${sizes[@]}"; do
    printf '| %s KiB | %s | %s |\n' "$kilobytes" "${bytes[$kilobytes]}" \
        "$(awk -v a="${bytes[$kilobytes]}" -v b="${bytes[1024]}" 'BEGIN { printf "%+.2f %%", 100 * (a / b - 1) }')"
done
echo
machine
