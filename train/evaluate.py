"""What a checkpoint is worth, and what quantising it costs, in bits per byte of eval-public.

    python evaluate.py OUT/last.pt --tokenizer T --eval ../../shared/eval-public [--before FILE]

`float` is the f32 model; `int8` has the shipped 7-bit weights and rounds the input of every matrix to
int8 as inference does; `cost` is the difference.  The model alone: the archiver mixes it with what
it learns from the archive itself, and about a third of the cost remains (`rounding.py`).
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch

from export import load
from model import RWKV7, Config
from quantise import linear, simulated
from tokens import Encoder
from validate import Slices


def build(state: dict[str, torch.Tensor]) -> RWKV7:
    model = RWKV7(Config.of(state))
    model.load_state_dict(state)
    return model.eval()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint", type=Path)
    ap.add_argument("--before", type=Path, help="another checkpoint to show beside it (float only)")
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--sequences", type=int, default=8, help="per domain, evenly spaced")
    ap.add_argument("--length", type=int, default=2048, help="tokens per sequence, state kept throughout")
    a = ap.parse_args()
    slices = Slices(a.eval, Encoder(a.tokenizer), a.sequences, a.length)
    state = load(a.checkpoint)
    columns = {}
    if a.before:
        columns["before"] = slices.bits_per_byte(build(load(a.before)))
    columns["float"] = slices.bits_per_byte(build(state))
    columns["int8"] = slices.bits_per_byte(build(simulated(state)), linear)
    print("| domain | bytes read | " + " | ".join(columns) + " | cost |")
    print("|---|---" + "|---" * len(columns) + "|---|")
    for d in columns["float"]:
        cost = columns["int8"][d] / columns["float"][d] - 1
        n = slices.lengths[slices.ids[d]].sum().item() if d in slices.ids else ""
        print(f"| {d} | {n} | " + " | ".join(f"{c[d]:.4f}" for c in columns.values()) + f" | {100 * cost:+.2f} % |")


if __name__ == "__main__":
    main()
