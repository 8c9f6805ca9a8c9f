#!/usr/bin/env bash
# What tiny files cost: trees of many of them, packed by llz, and as tar by xz and zstd, as a Markdown table. The last
# column is bytes per file beside its name and content: from the archive are taken the names alone, one a line in order,
# and the contents alone, one after the other, both packed by the same program.
#
#   bench/tiny.sh [DIR]     default: ../shared/eval-public
#
# The trees: 3,000 files of 8 bytes, 20,000 files of up to 5 bytes, and DIR/config. The files of the first two have whole
# seconds as times, which is all that tar keeps; those marked ns have nanoseconds, too, each its own. LEVELS (default
# "1 6") and LLZ=PROGRAM choose what packs. All archives of llz are unpacked and compared.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
levels=${LEVELS:-1 6}
prepare
cd "$scratch"

# Files with these contents; their times differ by seconds.
mkdir eight five
awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
        state = (state * 1103515245 + 12345) % 2147483648
        file = sprintf("eight/%04d", i); printf "%08x", state * 2 > file; close(file)
    }
    for (i = 0; i < 20000; i++) { file = sprintf("five/%05d", i); printf "%d", i > file; close(file) }
}'
cp -r "$data/config" config
find eight five config | LC_ALL=C sort | awk '{ print 1700000000 + NR % 977, $0 }' >times
while read -r second file; do touch -d "@$second" "$file"; done <times
cp -r eight eight-ns
find eight-ns | LC_ALL=C sort |
    awk '{ state = (state * 1103515245 + 12345) % 2147483648; printf "%d.%09d %s\n", 1700000000 + NR % 977, state % 1e9, $0 }' >times
while read -r time file; do touch -d "@$time" "$file"; done <times

archive() { # PROGRAM TREE: its size in `bytes`
    case $1 in
    llz*)
        "$llz" pack -q "${1#llz }" -f -o out.llz "$2"
        rm -rf back
        "$llz" unpack -q -C back out.llz
        diff -r "$2" "back/$2" >&2
        bytes=$(size out.llz)
        ;;
    xz*) bytes=$(tar --sort=name -cf - "$2" | xz -9e | wc -c) ;;
    zstd*) bytes=$(tar --sort=name -cf - "$2" | zstd -19 -q | wc -c) ;;
    esac
}

alone() { # PROGRAM FILE: its size in `bytes`
    case $1 in
    llz*) "$llz" pack -q "${1#llz }" -f -o out.llz "$2" && bytes=$(size out.llz) ;;
    xz*) bytes=$(xz -9e <"$2" | wc -c) ;;
    zstd*) bytes=$(zstd -19 -q <"$2" | wc -c) ;;
    esac
}

programs=()
for level in $levels; do programs+=("llz -$level"); done
for program in 'xz -9e' 'zstd -19'; do if have "${program%% *}"; then programs+=("$program"); fi; done

echo '| tree | files | content | program | bytes | bytes per file beside name and content |'
echo '|---|---:|---:|---|---:|---:|'
row() { # NAME TREE
    local program whole rest files
    find "$2" -type f | LC_ALL=C sort >names
    xargs -d '\n' cat <names >contents
    files=$(wc -l <names)
    for program in "${programs[@]}"; do
        archive "$program" "$2"
        whole=$bytes rest=$bytes
        for part in names contents; do
            alone "$program" "$part"
            rest=$((rest - bytes))
        done
        printf '| %s | %s | %s | %s | %s | %s |\n' "$1" "$files" "$(size contents)" "$program" "$whole" \
            "$(awk -v rest="$rest" -v files="$files" 'BEGIN { printf "%.2f", rest / files }')"
    done
}
row '8 bytes' eight
row '8 bytes, ns' eight-ns
row 'up to 5 bytes' five
row config config
echo
machine
