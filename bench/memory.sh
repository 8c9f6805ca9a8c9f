#!/usr/bin/env bash
# Holds every verb to its memory limit: peak resident memory of llz beside --limit-memory, as a Markdown table.
#
#   bench/memory.sh [DIR]      default: ../shared/eval-public
#
# The input is BYTES of DIR's text folders, as one file (default 2200000: 34 chunks, two more than eight threads have
# lanes). Chunks have 64 KiB and there are THREADS (default 8) threads, the case that needs most memory for each raw
# byte. CASES names limits and levels (default "16M:1 64M:1 64M:6 128M:1 128M:6 512M:1 512M:6"); the cases of level 6
# take most of the time, and CASES="16M:1 64M:6" shows most of it sooner. LLZ=PROGRAM chooses the llz.
#
# It also gives each verb a limit that no run can keep (IMPOSSIBLE, default 1M): that must end with exit code 6 and an
# error that names the limit. Exit code 1 if a peak is over its limit, or if an impossible limit is not named.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=$(realpath "${1:-$default_data}")
threads=${THREADS:-8}
cases=${CASES:-16M:1 64M:1 64M:6 128M:1 128M:6 512M:1 512M:6}
impossible=${IMPOSSIBLE:-1M}
[ -x /usr/bin/time ] || { echo "memory.sh: needs GNU time at /usr/bin/time" >&2; exit 2; }
prepare
cd "$scratch"

texts "$data" text
plain_tar text whole.tar
bytes=${BYTES:-2200000}
head -c "$bytes" whole.tar >text.tar

# The command of a verb, as words for a shell. The chunk size belongs to the verbs that make chunks.
command_of() { # VERB LEVEL LIMIT
    local common="-q -T $threads --limit-memory $3" chunks="-$2 --chunk-size 64KiB"
    case $1 in
        pack) echo "$llz pack $common $chunks -f -o made text.tar" ;;
        unpack) echo "$llz unpack $common -C back packed" ;;
        test) echo "$llz test $common packed" ;;
        cat) echo "$llz cat $common packed text.tar >catted" ;;
        filter) echo "$llz filter $common $chunks <text.tar >filtered" ;;
        'filter -d') echo "$llz filter -d $common <stream >decoded" ;;
    esac
}
verbs=(pack unpack test cat filter 'filter -d')

# What a verb must have made: the input again, or the bytes that were made without a limit.
check() { # VERB
    case $1 in
        pack) cmp made packed ;;
        unpack) cmp back/text.tar text.tar ;;
        test) ;;
        cat) cmp catted text.tar ;;
        filter) cmp filtered stream ;;
        'filter -d') cmp decoded text.tar ;;
    esac
}

# An archive and a stream for the verbs that read, made without a limit, once for each level.
make_inputs() { # LEVEL
    [ -e "packed-$1" ] || {
        "$llz" pack -q "-$1" --chunk-size 64KiB -o "packed-$1" text.tar
        "$llz" filter -q "-$1" --chunk-size 64KiB <text.tar >"stream-$1"
    }
    ln -sf "packed-$1" packed
    ln -sf "stream-$1" stream
}

status=0
printf '%s bytes of text, %s threads, chunks of 64 KiB. Peaks are resident memory (GNU time), M is 2^20 bytes.\n\n' \
    "$(size text.tar)" "$threads"
echo '| limit | level | verb | peak | |'
echo '|---:|---:|---|---:|---|'
for case in $cases; do
    limit=${case%:*} level=${case#*:}
    make_inputs "$level"
    for verb in "${verbs[@]}"; do
        rm -rf back made catted filtered decoded
        # exec: the shell becomes the program, so that it is the program that is measured.
        code=0
        /usr/bin/time -q -f %M -o peak bash -c "exec $(command_of "$verb" "$level" "$limit")" 2>said || code=$?
        if ((code != 0)); then
            verdict="**exit code $code: $(head -c 200 said | head -1)**" status=1
        elif ! check "$verb" >&2; then
            verdict='**other bytes**' status=1
        elif (($(<peak) * 1024 > $(numfmt --from=iec "$limit"))); then
            verdict='**over**' status=1
        else
            verdict=
        fi
        printf '| %s | %s | %s | %s M | %s |\n' "$limit" "$level" "$verb" "$(awk '{ printf "%.1f", $1 / 1024 }' peak)" "$verdict"
    done
done

printf '\nWith --limit-memory %s, which no run can keep:\n\n| level | verb | exit code | error |\n|---:|---|---:|---|\n' "$impossible"
for level in 1 6; do
    make_inputs "$level"
    for verb in "${verbs[@]}"; do
        rm -rf back made
        code=0
        bash -c "exec $(command_of "$verb" "$level" "$impossible")" 2>said || code=$?
        # The error names the limit: the option, or the word.
        if ((code != 6)) || ! grep -qiE 'limit-memory|memory' said; then
            verdict='**must be 6 and name the limit**' status=1
        else
            verdict=
        fi
        printf '| %s | %s | %s | %s %s |\n' "$level" "$verb" "$code" "$(head -c 200 said | head -1)" "$verdict"
    done
done
echo
machine
exit $status
