#!/usr/bin/env bash
# A training run on a machine that is only borrowed, with a GPU and torch on it:
#
#   train/borrowed.sh WORK OUT INIT PLAIN MIXED [flag of train.py ...]
#
# WORK/stage holds what stage.py split (any of its parts, from the first on) and WORK/train_prior the program of that name.
# Trains INIT (a float file, or - for random weights) for PLAIN minutes on cross entropy, while the machine's cores let the mixer
# code text with models/small.safetensors (odds.py, TOKENS millions), and then for MIXED minutes inside it, at a tenth of the rates. OUT gets both models
# as float files, and the logs. The minutes are those of the schedules; compiling takes one or two more.
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

[[ -e $work/pack/pack.json ]] || "$python" stage.py join "$work/pack" "$work"/stage/*
nice "$python" odds.py "$work/pack" "$work/odds" --tokenizer "$tokenizer" --model "$model" --mixer "$work/train_prior" \
    --tokens "${TOKENS:-60}" >"$out/odds.log" 2>&1 &
odds=$!
trap 'kill $odds 2>/dev/null || true' EXIT

common=(--tokenizer "$tokenizer" --weights "$shares" --compile)
"$python" train.py --pack "$work/pack" --out "$work/plain" --minutes "$plain" "${common[@]}" --warm 0.02 --decay 0.8 "${init[@]}" "$@"
cp "$work/plain/log.txt" "$out/plain.log"
"$python" export.py "$work/plain/last.pt" --tokenizer "$tokenizer" --float "$out/plain-f16.safetensors"

wait $odds
"$python" train.py --pack "$work/odds" --out "$work/mixed" --minutes "$mixed" "${common[@]}" "$@" --init "$work/plain/last.pt" \
    --muon-lr 0.003 --adam-lr 3e-4 --warm 0.02 --decay 0.98
cp "$work/mixed/log.txt" "$out/mixed.log"
"$python" export.py "$work/mixed/last.pt" --tokenizer "$tokenizer" --float "$out/mixed-f16.safetensors"
