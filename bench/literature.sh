#!/usr/bin/env bash
# The demonstrations of the literature, each in a few lines: docs/experiments/literature.md has their figures.
#
#     bench/literature.sh [NOVEL]
#
# NOVEL is a text in English; the default is one of ../shared/eval-public. LLZ=PROGRAM chooses the llz, LEVEL the level
# (default 6), MODEL another model. Needs jq, gzip, lzma, brotli and xxd.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
prepare
novel=${1:-$default_data/prose/972.txt}
with=(--level "${LEVEL:-6}")
[ -z "${MODEL:-}" ] || with+=(--model "$MODEL")
cd "$scratch"

# What a coder makes of a file, without any container, as one line of hexadecimal digits. It is decoded and compared.
coded() { # CODER FILE
    "$llz" lab tokens "${with[@]}" <"$2" | "$llz" lab code --coder "$1" >lines
    "$llz" lab decode <lines | "$llz" lab unranks | "$llz" lab untokens | cmp - "$2"
    jq -r '.hex // empty' lines | tr -d '\n'
}
bytes() { # CODER FILE
    echo $(($(coded "$@" | wc -c) / 2))
}
# The ranks alone, each as a varint.
varints() { # FILE
    "$llz" lab tokens "${with[@]}" <"$1" | "$llz" lab ranks |
        jq -r 'select(.rank != null) | .rank | [while(. > 0; . / 128 | floor)] | if . == [] then [0] else . end |
            . as $v | [range(length) | $v[.] % 128 + (if . < ($v | length) - 1 then 128 else 0 end)] |
            map([(. / 16 | floor), . % 16] | map("0123456789abcdef"[.:.+1]) | add) | add' | xxd -r -p
}
of() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%d bytes, %.1f %%, %.3f bits/byte\n", a, 100 * a / b, 8 * a / b }'; }

echo "1. A chapter of a novel by ranks and ANS, beside gzip -9"
head -c 20000 "$novel" >chapter
n=$(size chapter)
printf 'rank-ans: '; of "$(bytes rank-ans chapter)" "$n"
printf 'gzip -9:  '; of "$(gzip -9nc chapter | wc -c)" "$n"
printf 'ranks 0, 1, 2, 3 and above, per cent: '
"$llz" lab tokens "${with[@]}" <chapter | "$llz" lab ranks | jq -s -r '[.[] | select(.rank != null) | .rank] |
    length as $n | [0, 1, 2, 3] as $r | [($r[] as $x | map(select(. == $x)) | length), (map(select(. > 3)) | length)] |
    map(1000 * . / $n | round / 10) | map(tostring) | join(" ")'
"$llz" explain -q -f "${with[@]}" --html heat-map.html chapter
echo "heat map: $(size heat-map.html) bytes of page (llz explain --html)"

echo; echo "2. A licence by ranks, varints and brotli, beside brotli alone"
cp "$repo/LICENSE-MIT" licence
n=$(size licence)
printf 'ranks and brotli: '; of "$(bytes rank-brotli licence)" "$n"
printf 'brotli -q 11:     '; of "$(brotli -q 11 -c licence | wc -c)" "$n"

echo; echo "3. An essay of 3,000 characters by arithmetic coding, beside LZMA"
head -c 43000 "$novel" | tail -c 3000 >essay
n=$(size essay)
printf 'arith:    '; of "$(bytes arith essay)" "$n"
printf 'mix:      '; of "$(bytes mix essay)" "$n"
printf 'lzma -9e: '; of "$(lzma -9ec essay | wc -c)" "$n"
digits=$(coded arith essay)
printf 'arith begins with %s\n' "${digits:0:64}"

echo; echo "4. 400 bytes by a Huffman code per token"
head -c 400 essay >sample
n=$(size sample)
printf 'huffman: '; of "$(bytes huffman sample)" "$n"
printf 'arith:   '; of "$(bytes arith sample)" "$n"
printf 'gzip -9: '; of "$(gzip -9nc sample | wc -c)" "$n"

echo; echo "5. gzip after case flips: a mark where a word begins with a capital, and small letters"
LC_ALL=C sed -E 's/\b([A-Z])/\x01\l\1/g' chapter >flipped
n=$(size chapter)
printf 'gzip -9:             '; of "$(gzip -9nc chapter | wc -c)" "$n"
printf 'gzip -9 after flips: '; of "$(gzip -9nc flipped | wc -c)" "$n"

echo; echo "6. Ranks and zlib against arithmetic coding, by the same model"
printf 'ranks and zlib: '; of "$(varints chapter | gzip -9nc | wc -c)" "$n"
printf 'arith:          '; of "$(bytes arith chapter)" "$n"

echo; echo "7. The length of the context, in tokens"
head -c 100000 "$novel" >part
with=("${with[@]/#--level/--levels}")
"$llz" bench -q --no-others "${with[@]/#--model/--models}" --coders arith --context 100,250,500,1000,2000,4096 part |
    awk -F'|' 'NR > 2 && /context/ { print $2, $3, $5 }'
