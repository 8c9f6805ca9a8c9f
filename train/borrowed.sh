#!/usr/bin/env bash
# A training run on a machine that is only borrowed, with a GPU and torch on it:
#
#   train/borrowed.sh WORK OUT INIT PLAIN MIXED [flag of train.py ...]
#
# WORK/stage holds what stage.py split (any of its parts, from the first on) and WORK/train_prior the program of that name.
# Trains INIT (a float file, or - for random weights) on cross entropy until the clock there says PLAIN (HH:MM:SS), while the
# machine's cores let the mixer code text with models/small.safetensors (odds.py, TOKENS millions: 48 take 16 cores eight
# minutes), and from then until MIXED inside it. OUT gets both models as float files, and the logs.
set -euo pipefail
work=$(realpath "$1") out=$(realpath "$2") plain=$4 mixed=$5
init=() && [[ $3 == - ]] || init=(--init "$(realpath "$3")")
shift 5
mkdir -p "$out"
python=${PYTHON:-python3}
repository=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
cd "$repository/train"
tokenizer=${TOKENIZER:-$work/tokenizer.json} model=$repository/models/small.safetensors
shares='{"prose":0.26,"code":0.23,"structured":0.18,"docs":0.13,"multilingual":0.11,"wiki":0.03,"misc":0.06}'
common=(--tokenizer "$tokenizer" --weights "$shares" --compile)

ship() { "$python" export.py "$work/$1/last.pt" --tokenizer "$tokenizer" --float "$out/$1-f16.safetensors" && cp "$work/$1/log.txt" "$out/$1.log"; }

[[ -e $work/pack/pack.json ]] || "$python" stage.py join "$work/pack" "$work"/stage/*
nice "$python" odds.py "$work/pack" "$work/odds" --tokenizer "$tokenizer" --model "$model" --mixer "$work/train_prior" \
    --tokens "${TOKENS:-48}" >"$out/odds.log" 2>&1 &
odds=$!
trap 'kill $odds 2>/dev/null || true' EXIT
"$python" train.py --pack "$work/pack" --out "$work/plain" --end-time "$plain" "${common[@]}" --warm 0.02 --decay 0.8 "${init[@]}" "$@"
ship plain &
shipped=$!
wait $odds
# Few threads, for they would wait for each other where other programs want the cores.
OMP_NUM_THREADS=2 "$python" train.py --pack "$work/odds" --out "$work/mixed" --end-time "$mixed" "${common[@]}" "$@" --init "$work/plain/last.pt" \
    --muon-lr 0.003 --adam-lr 3e-4 --warm 0.02 --decay 0.98
ship mixed
wait $shipped
