#!/usr/bin/env bash
# After a model or a prior in models/ changed: writes their checksums and the engine fingerprint to
# where they are recorded, and makes the test vectors anew. Look at the result before committing it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

# replace OLD NEW FILE…
replace() { [[ $1 == "$2" ]] || sed -i "s/$1/$2/g" "${@:3}"; }
hash() { sha256sum <"$1" | cut -d' ' -f1; }
# field MODEL NAME: what the registry says.
field() {
    sed -n "/name: \"$1\"/,/^};/s/^ *$2: \"\?\([0-9a-fx_]*\)\"\?,\$/\1/p" src/model/registry.rs
}

step "checksums"
for model in $(sed -n 's/^    name: "\(.*\)",$/\1/p' src/model/registry.rs); do
    replace "$(field "$model" sha256)" "$(hash "models/$model.safetensors")" src/model/registry.rs
done
for prior in models/mix-*.prior; do
    row=$(grep -F "\`$prior\`" FORMAT.md) || fail "FORMAT.md does not list $prior"
    read -r bytes sum < <(sed 's/.*| \([0-9,]*\) | `\([0-9a-f]*\)`.*/\1 \2/' <<<"$row")
    replace "$sum" "$(hash "$prior")" FORMAT.md
    replace "| $bytes |" "| $(stat -c %s "$prior" | sed ':a;s/\B[0-9]\{3\}\>/,&/;ta') |" FORMAT.md
done

step "fingerprints"
# The test names the first model whose fingerprint is another.
until said=$(cargo test --lib --release the_table_describes 2>&1); do
    model=$(sed -n 's/.*write fingerprint of \([a-z]*\): .*/\1/p' <<<"$said")
    new=$(sed -n 's/.*write fingerprint of [a-z]*: \(0x[0-9a-f]*\).*/\1/p' <<<"$said")
    [[ -n $model && -n $new ]] || fail "$said"
    old=$(field "$model" fingerprint)
    replace "$old" "0x$(sed 's/..../&_/g; s/_$//' <<<"${new#0x}")" src/model/registry.rs
done
# Another names the first model in models/ whose row in FORMAT.md is another.
until said=$(cargo test --lib --release format_md_lists 2>&1); do
    row=$(sed -n 's/.*write row: \(| `.* |\)$/\1/p' <<<"$said")
    [[ -n $row ]] || fail "$said"
    name=$(cut -d'`' -f2 <<<"$row")
    grep -q "^| \`$name\` | \`[0-9a-f]*\` |" FORMAT.md || fail "FORMAT.md has no row for $name"
    sed -i "s/^| \`$name\` | \`[0-9a-f]*\` |.*/$row/" FORMAT.md
    sed -i "s/^| \`$name\` | \`[0-9a-f]*\` |$/| \`$name\` | \`$(cut -d'`' -f4 <<<"$row")\` |/" models/README.md
done
cargo test --lib --release registry

step "vectors"
cargo run --release --package llz-tools --bin make_vectors

step "fuzz corpus"
llz=$(realpath target/release/llz)
cargo build --release
for target in parse unpack; do
    rm -f fuzz/corpus/$target/*
    for vector in spec/vectors/*.llz; do
        [[ $(stat -c %s "$vector") -gt 4096 ]] || cp "$vector" "fuzz/corpus/$target/$(basename "$vector" .llz)"
    done
done
cp spec/vectors/*.llzs fuzz/corpus/stream/
cd fuzz/corpus/stream # `explicit` names its parameters itself, which the program never needs to
for level in 1 2 6; do
    head -c 600 ../../../LICENSE-MIT | "$llz" filter -q -$level >text-level$level
done
head -c 4500 ../../../README.md | "$llz" filter -q -1 --chunk-size 1KiB >frames
printf llz | "$llz" filter -q >short
"$llz" filter -q </dev/null >empty
tail -c 600 ../../../models/small.safetensors | "$llz" filter -q >stored
cat empty stored >concatenated
