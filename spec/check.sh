#!/bin/sh
# Holds the program against the decoder in spec/decoder, which shares no code with it.
#
#     spec/check.sh [--quick]
#
# LLZ is the program (default: target/release/llz), PYTHON an interpreter with the packages of
# spec/decoder/requirements.txt (default: python3). --quick leaves out the fresh archives.
# Exits with an error if anything differs.
set -eu
cd "$(dirname "$0")/.."
llz=$(realpath "${LLZ:-target/release/llz}")
python=${PYTHON:-python3}
export PYTHONDONTWRITEBYTECODE=1 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
models=$PWD/models
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/ours" "$work/theirs" "$work/fresh"

fail() {
    echo "spec/check.sh: $*" >&2
    exit 1
}

# Types, permissions, times (of all but links), sizes or targets, and contents.
same() {
    for tree in "$1" "$2"; do
        (cd "$tree" && find . -mindepth 1 ! -type l -printf '%y %m %T@ %P\n' -o -type l -printf '%y %l %P\n' |
            LC_ALL=C sort) >"$tree.list"
    done
    cmp "$1.list" "$2.list" && diff -r --no-dereference "$1" "$2"
}

echo "FORMAT.md and the model cards: what they say of files"
for file in models/*.safetensors models/*.prior; do
    grep -q "\`$(sha256sum <$file | cut -d' ' -f1)\`" FORMAT.md || fail "FORMAT.md has another SHA-256 for $file"
done
for file in models/*.safetensors; do
    grep -q "\`$(sha256sum <$file | cut -d' ' -f1)\`" models/README.md || fail "models/README.md has another SHA-256 for $file"
done
"$python" - <<'EOF' || fail "FORMAT.md has another id or fingerprint for a model"
import sys
sys.path.insert(0, "spec/decoder")
from model import built_in
text = open("FORMAT.md").read()
for model in map(built_in, ("nano", "small", "base")):
    if f"`{model.vocabulary.id.hex()}`" not in text or f"0x{model.fingerprint():016X}" not in text:
        sys.exit(1)
EOF

echo "Vectors: outcome, contents against trees.sha256, trees against the program's"
"$python" spec/decoder/vectors.py spec/vectors "$work/ours" || fail "vectors differ from README.md"
sums=$PWD/spec/vectors/trees.sha256
(cd "$work/ours" && sha256sum --quiet -c "$sums") || fail "contents differ from trees.sha256"
[ "$(cd "$work/ours" && find . -type f | wc -l)" -eq "$(wc -l <"$sums")" ] || fail "trees.sha256 is not complete"
for raw in "$work"/ours/*.llzs; do
    "$llz" filter -q -d <"spec/vectors/$(basename "$raw")" | cmp - "$raw" || fail "$(basename "$raw") decodes differently"
done
for tree in "$work"/ours/*.llz; do
    name=$(basename "$tree")
    mkdir "$work/theirs/$name"
    # Code 4: links that lead out are left out, by both.
    "$llz" unpack -q -C "$work/theirs/$name" "spec/vectors/$name" 2>"$work/said" || [ $? -eq 4 ] || fail "$name: $(cat "$work/said")"
    same "$tree" "$work/theirs/$name" || fail "$name unpacks differently"
done
[ "${1-}" != --quick ] || exit 0

echo "Fresh archives and messages"
mkdir "$work/in"
head -c 1200 FORMAT.md >"$work/in/text.md"
head -c 1000 src/mixer/mod.rs >"$work/in/code.rs"
printf 'name,size\nb\303\244r,17\n\377\376\000\001\n\n\tx: (y) = "z" | <w>;\n' >"$work/in/odd"
tail -c 900 models/mix-2.prior >"$work/in/binary"
i=0
while [ $i -lt 15 ]; do
    printf '%04d-11-21T10:%02d:00Z host-%d GET /index.html 200\n' $((2000 + i)) $((i % 60)) $((i % 3))
    i=$((i + 1))
done >"$work/in/log"
for level in 1 2 3 4 6; do
    archive=$work/fresh/$level.llz
    (cd "$work" && "$llz" pack -q --level $level -o "$archive" in)
    mkdir "$work/theirs/$level"
    "$llz" unpack -q -C "$work/theirs/$level" "$archive"
    "$python" spec/decoder/llz_decode.py "$archive" "$work/ours/$level"
    same "$work/ours/$level" "$work/theirs/$level" || fail "level $level unpacks differently"
    "$llz" filter -q --level $level <"$work/in/code.rs" >"$work/fresh/message"
    "$python" spec/decoder/llz_decode.py "$work/fresh/message" "$work/fresh/message.out"
    cmp "$work/in/code.rs" "$work/fresh/message.out" || fail "a message of level $level differs"
done
echo "A larger model"
(cd "$work/in" && "$llz" pack -q --model "$models/base.safetensors" -o "$work/fresh/base.llz" code.rs)
"$python" spec/decoder/llz_decode.py "$work/fresh/base.llz" "$work/ours/base"
cmp "$work/in/code.rs" "$work/ours/base/code.rs" || fail "an archive of base unpacks differently"
echo "No differences"
