#!/usr/bin/env bash
# What an update of an archive costs, and whether a crash can harm one.
#
#   bench/update.sh [KILLS]
#
# 1. An archive of 10,000 files gets one more; then one file of it changes, one is deleted, and it is compacted: seconds
#    and bytes written. The same is done to a tar by tar -r and -u, and to a zip by zip, where that is there.
# 2. KILLS times (300) an add is killed at a random moment. After each, the archive must be as it was or as it is with
#    the update; nothing may be left beside it.
#
# LLZ is the program (target/release/llz).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source bench/common.sh
kills=${1:-300}
prepare
cd "$scratch"

python3 - <<'PYTHON'
import os, random
random.seed(1)
words = [''.join(random.choice('abcdefghijklmnop') for _ in range(random.randint(2, 9))) for _ in range(2000)]
for number in range(10_000):
    folder = f"tree/{number // 100:03}"
    os.makedirs(folder, exist_ok=True)
    with open(f"{folder}/{number:05}.txt", "w") as out:
        out.write(' '.join(random.choice(words) for _ in range(random.randint(5, 60))) + '\n')
    os.utime(f"{folder}/{number:05}.txt", (1_700_000_000 + number, 1_700_000_000 + number))
PYTHON

now() { date +%s.%N; }
# timed WHAT FILE COMMAND…: seconds of a command, and by how many bytes it made FILE longer.
timed() {
    local what=$1 file=$2 before began
    before=$([ -e "$file" ] && size "$file" || echo 0)
    began=$(now)
    "${@:3}" >/dev/null
    printf '| %s | %.2f | %d | %d |\n' "$what" "$(echo "$(now) - $began" | bc)" "$(($(size "$file") - before))" "$(size "$file")"
}

echo "10,000 files, $(du -sb tree | cut -f1) bytes, $(nproc) cores:"
echo
echo "| step | seconds | bytes longer | bytes |"
echo "|---|---:|---:|---:|"
timed "llz pack -1" a.llz "$llz" pack -q -1 tree -o a.llz
timed "tar -c" a.tar tar -cf a.tar tree
echo "one more" >tree/000/new.txt
timed "llz add, one file more" a.llz "$llz" add -q a.llz tree
timed "tar -u, one file more" a.tar tar -uf a.tar tree
timed "llz add, nothing new" a.llz "$llz" add -q a.llz tree
timed "llz add --checksum, nothing new" a.llz "$llz" add -q --checksum a.llz tree
echo "changed now" >tree/050/05000.txt
timed "llz add, one file changed" a.llz "$llz" add -q a.llz tree
timed "llz delete, 100 files" a.llz "$llz" delete -q a.llz tree/070
timed "llz compact" a.llz "$llz" compact -q a.llz
rm -r tree/070
"$llz" unpack -q a.llz -C out
diff -r tree out/tree
"$llz" test -q a.llz
echo
echo "Unpacked and compared."

mkdir kill && cd kill
python3 - <<'PYTHON'
import random
random.seed(2)
for name in ("old", "new"):
    with open(name, "w") as out:
        for _ in range(20_000):
            out.write(f"{random.random()} {random.randint(0, 10**6)}\n")
PYTHON
"$llz" pack -q -1 old -o before.llz
cp before.llz a.llz
began=$(now)
"$llz" add -q a.llz new
took=$(echo "$(now) - $began" | bc)
cp a.llz after.llz
before=0 after=0
for ((run = 0; run < kills; run++)); do
    cp before.llz a.llz
    "$llz" add -q a.llz new &
    # A moment between the begin of the run and a little after its usual end.
    sleep "$(awk -v took="$took" -v part="$RANDOM" 'BEGIN { print took * 1.1 * part / 32768 }')"
    kill -9 $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    "$llz" test -q a.llz 2>/dev/null || [ $? -eq 4 ]
    names=$("$llz" list a.llz 2>/dev/null || [ $? -eq 4 ])
    case $names in
        old) before=$((before + 1)) ;;
        $'new\nold') cmp a.llz after.llz && after=$((after + 1)) ;;
        *) echo "run $run: the archive holds $names" && exit 1 ;;
    esac
    [ "$(ls -A)" = "$(printf 'a.llz\nafter.llz\nbefore.llz\nnew\nold')" ] || { ls -A && exit 1; }
done
echo "$kills adds of $took s each killed: $before archives as before, $after with the update, nothing beside them."
