#!/usr/bin/env bash
# What long repeats cost: a tree packed alone, packed together with its next version, and what the difference is worth,
# as a Markdown table. An archive of both should take at most 1.1 times the first one's size and what xz makes of the diff.
#
#   bench/repeats.sh [DIR]     default: ../shared/eval-public
#
# The pairs: two releases of a crate (by cargo vendor, so a registry must be in reach), one day's export and the next
# day's (rows of DIR's csv changed and added by a fixed rule), and a source tree with a copy of itself in which five
# files were edited. LEVEL (default 6) and LLZ=PROGRAM choose what packs. All archives are unpacked and compared.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
level=${LEVEL:-6}
prepare
cd "$scratch"

# Two releases of a crate.
release() { # VERSION
    mkdir -p "vendor-$1/src" crate
    printf '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nhashbrown = "=%s"\n' "$1" \
        >"vendor-$1/Cargo.toml"
    touch "vendor-$1/src/lib.rs"
    (cd "vendor-$1" && cargo vendor --quiet vendor >/dev/null 2>&1)
    mv "vendor-$1/vendor/hashbrown" "crate/$1"
    rm -rf "vendor-$1"
}
release 0.14.5
release 0.15.0

# A day's export and the next day's: every hundredth row is changed, and a hundredth is added.
mkdir -p export/monday export/tuesday
for table in "$data"/csv/*; do
    name=$(basename "$table")
    cp "$table" "export/monday/$name"
    awk 'NR % 100 == 50 { print $0 "9"; next } { print } NR % 100 == 99 { print NR "," $0 }' \
        "$table" >"export/tuesday/$name"
done

# A source tree, and a vendored copy of it with five edits.
mkdir tree
cp -r "$repo/src" tree/own
mkdir tree/third_party
cp -r "$repo/src" tree/third_party/copy
find tree/third_party -name '*.rs' | sort | head -5 | xargs sed -i '3a// Patched here.'

pack() { # OUT PATH…
    local out=$1 began=$EPOCHREALTIME
    shift
    "$llz" pack -q "-$level" -o "$out" "$@"
    seconds=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }')
    rm -rf back
    "$llz" unpack -q -C back "$out"
    for path in "$@"; do diff -r "$path" "back/$path" >&2; done
}

status=0
printf 'Level %s. Seconds are of packing.\n\n' "$level"
echo '| pair | bytes | first | seconds | both | seconds | xz -9e of the diff | at most | |'
echo '|---|---:|---:|---:|---:|---:|---:|---:|---|'
row() { # NAME FIRST SECOND
    pack first.llz "$2"
    local first=$(size first.llz) alone=$seconds
    pack both.llz "$2" "$3"
    local both=$(size both.llz) together=$seconds
    local diff most verdict=
    diff=$({ diff -ruN "$2" "$3" || true; } | xz -9e | wc -c)
    most=$((first * 11 / 10 + diff))
    if ((both > most)); then verdict='**more**' status=1; fi
    printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$1" \
        "$(cat $(find "$2" "$3" -type f) | wc -c)" "$first" "$alone" "$both" "$together" "$diff" "$most" "$verdict"
    one_file "$1" "$3"
    rm -f first.llz both.llz
}

# What the largest file of the second tree costs to read alone.
alone=
one_file() { # NAME SECOND
    local file began=$EPOCHREALTIME tested all
    file=$(find "$2" -type f -printf '%s %p\n' | sort -n | tail -1 | cut -d' ' -f2-)
    tested=$("$llz" test -q --json both.llz "$file")
    all=$("$llz" info --json both.llz)
    alone+=$(python3 - "$1" "$(size "$file")" "$began" "$EPOCHREALTIME" "$tested" "$all" <<'PYTHON'
import json, sys
name, size, began, ended, tested, info = sys.argv[1:]
chunks = sum(codec["chunks"] for codec in json.loads(info)["chunks"].values())
print(f"| {name} | {size} | {json.loads(tested)['chunks']} | {chunks} | {float(ended) - float(began):.1f} |")
PYTHON
    )$'\n'
}
row 'two releases of a crate' crate/0.14.5 crate/0.15.0
row "two days' exports" export/monday export/tuesday
row 'a vendored copy' tree/own tree/third_party/copy
echo
echo 'The largest file of the second tree, read alone out of the archive of both:'
echo
echo '| pair | its bytes | chunks decoded | of | seconds |'
echo '|---|---:|---:|---:|---:|'
printf '%s' "$alone"
echo
machine
exit $status
