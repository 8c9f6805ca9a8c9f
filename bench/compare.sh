#!/usr/bin/env bash
# Sizes of llz and its peers on every folder of a directory, as a Markdown table.
#
#   bench/compare.sh [DIR]     default: ../shared/eval-public
#
# The peers compress one tar per folder (sorted, fixed times and owners); llz packs the folder itself.
# Every llz archive is unpacked again and compared with the folder. LLZ=PROGRAM chooses the llz, MODEL=FILE a model
# for one more column.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
prepare

columns=(raw "zstd -19" "zstd --ultra -22" "xz -9e" "brotli -q 11" "7z PPMd" "zpaq -m5" \
    "llz -1" "llz")
[ -z "${MODEL-}" ] || columns+=("llz $(basename "$MODEL" .safetensors)") model=$(realpath "$MODEL")
declare -A total

# Prints the bytes one column needs for a folder, or nothing when its program is missing.
measure() { # COLUMN FOLDER TAR
    local out=$scratch/out
    rm -rf "$out" "$out".*
    case $1 in
    raw) size "$3" ;;
    "zstd -19") have zstd && zstd -q -T1 -19 -c "$3" | wc -c ;;
    "zstd --ultra -22") have zstd && zstd -q -T1 --ultra -22 -c "$3" | wc -c ;;
    "xz -9e") have xz && xz -T1 -9e -c "$3" | wc -c ;;
    "brotli -q 11") have brotli && brotli -q 11 --lgwin=24 -c "$3" | wc -c ;;
    "7z PPMd")
        have 7z && 7z a -bd -m0=PPMd:o=32:mem=256m "$out.7z" "$3" >/dev/null && size "$out.7z"
        ;;
    "zpaq -m5")
        have zpaq && (cd "$scratch" && zpaq add "$out.zpaq" "$(basename "$3")" -m5) \
            >/dev/null 2>&1 && size "$out.zpaq"
        ;;
    llz*)
        local options=() decoding=()
        case ${1#llz} in
        "") ;;
        " -"*) options=("${1#llz }") ;;
        *) options=(--model "$model") decoding=("${options[@]}") ;;
        esac
        # From the folder's parent: paths are stored as they are given.
        (cd "$(dirname "$2")" &&
            "$llz" pack --quiet "${options[@]}" -o "$out.llz" "$(basename "$2")") &&
            "$llz" unpack --quiet "${decoding[@]}" -C "$out" "$out.llz" &&
            diff -r "$2" "$out/$(basename "$2")" >&2 && size "$out.llz"
        ;;
    esac
}

row() { # LABEL CELL...
    printf '| %s ' "$@"
    printf '|\n'
}

row domain "${columns[@]}"
row --- "${columns[@]//*/---:}"
for folder in "$data"/*/; do
    folder=${folder%/}
    plain_tar "$folder" "$scratch/folder.tar"
    cells=()
    for column in "${columns[@]}"; do
        # Called directly, not in $(...), so that `have` can remember what is missing.
        measure "$column" "$folder" "$scratch/folder.tar" >"$scratch/bytes" || true
        bytes=$(<"$scratch/bytes")
        # A check that fails must not look like a program that is missing.
        if [ -z "$bytes" ] && [[ $column == llz* ]]; then
            echo "$column failed on $folder" >&2
            exit 1
        fi
        cells+=("${bytes:-–}")
        total[$column]=$((${total[$column]:-0} + ${bytes:-0}))
    done
    row "$(basename "$folder")" "${cells[@]}"
done

# Sums, and how they compare with the two peers that matter most.
sums=() versus_xz=() versus_zpaq=()
percent() { # BYTES BASE
    if [ "$1" -eq 0 ] || [ "$2" -eq 0 ]; then echo –; else
        awk -v a="$1" -v b="$2" 'BEGIN { printf "%+.1f %%", 100 * (a - b) / b }'
    fi
}
for column in "${columns[@]}"; do
    bytes=${total[$column]}
    sums+=("**$([ "$bytes" -gt 0 ] && echo "$bytes" || echo –)**")
    versus_xz+=("$(percent "$bytes" "${total[xz -9e]}")")
    versus_zpaq+=("$(percent "$bytes" "${total[zpaq -m5]}")")
done
row "**all**" "${sums[@]}"
row "against xz -9e" "${versus_xz[@]}"
row "against zpaq -m5" "${versus_zpaq[@]}"
echo
machine
