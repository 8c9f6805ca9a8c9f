#!/usr/bin/env bash
# Speed, size and peak memory of llz at three levels, with one and two threads, beside its peers on the
# same text, as a Markdown table.
#
#   bench/speed.sh [DIR]       default: ../shared/eval-public
#
# The text is one tar of four of DIR's text folders (5 MB). Times are medians of RUNS runs (default 3), wall clock.
# Every output is decoded and compared. LLZ=PROGRAM chooses the llz, LEVELS its levels, MODEL=FILE a model for one more
# row; BYTES=N takes the first N bytes of the text alone.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
runs=${RUNS:-3}
model=${MODEL:+$(realpath "$MODEL")}
prepare
cd "$scratch"

texts "$data" text
plain_tar text whole.tar
head -c "${BYTES:-$(size whole.tar)}" whole.tar >text.tar
raw=$(size text.tar)

# Runs a command several times; sets `seconds` (median) and `memory` (greatest, in MB).
timed() { # COMMAND
    local run
    : >samples
    for ((run = 0; run < runs; run++)); do
        rm -rf out back back.tar
        [ ! -e keep ] || cp keep out
        /usr/bin/time -f '%e %M' -a -o samples bash -c "$1" >/dev/null 2>&1
    done
    seconds=$(sort -n samples | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)] }')
    memory=$(sort -k2 -n samples | awk 'END { printf "%.0f", $2 / 1000 }')
}

rate() { awk -v b="$raw" -v s="$1" 'BEGIN { printf "%.0f", b / 1000 / (s > 0 ? s : 0.01) }'; }

# One row: how to code text.tar into out, and how to decode out into back.tar.
row() { # LABEL PROGRAM CODE DECODE
    have "$2" || return 0
    rm -f keep
    timed "$3"
    local coded pack_seconds=$seconds pack_memory=$memory
    coded=$(size out)
    mv out keep
    timed "$4"
    cmp text.tar back.tar
    printf '| %s | %s | %.3f | %s | %s | %s | %s |\n' "$1" "$coded" \
        "$(awk -v c="$coded" -v r="$raw" 'BEGIN { print 8 * c / r }')" \
        "$(rate "$pack_seconds")" "$(rate "$seconds")" "$pack_memory" "$memory"
}

printf '%s bytes of text; speeds are raw kB/s, memory is the peak in MB.\n\n' "$raw"
echo '| program | bytes | bits/byte | pack kB/s | unpack kB/s | pack MB | unpack MB |'
echo '|---|---:|---:|---:|---:|---:|---:|'
for level in ${LEVELS-1 6 9}; do
    for threads in 1 2; do
        row "llz -$level, $threads thread$([ $threads = 1 ] || echo s)" "$llz" \
            "$llz pack -q -T $threads -$level -o out text.tar" \
            "$llz unpack -q -T $threads -C back out && mv back/text.tar back.tar"
    done
done
[ -z "$model" ] || row "llz $(basename "$model" .safetensors), 2 threads" "$llz" \
    "$llz pack -q -T 2 --model $model -o out text.tar" \
    "$llz unpack -q -T 2 --model $model -C back out && mv back/text.tar back.tar"
row "zstd -19" zstd "zstd -q -T1 -19 -o out text.tar" "zstd -q -d -o back.tar out"
row "xz -9e" xz "xz -T1 -9e -c text.tar > out" "xz -d -c out > back.tar"
row "zpaq -m5" zpaq "zpaq add out.zpaq text.tar -m5 && mv out.zpaq out" \
    "mv out out.zpaq && zpaq extract out.zpaq text.tar -to back.tar"
echo
machine
