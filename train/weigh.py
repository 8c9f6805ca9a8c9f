"""Weights for tokens: how much of each is left for a model to say when contexts have spoken.

    python weigh.py PACK OUT --tokenizer FILE --contexts target/release/examples/train_prior

llz mixes the model with contexts that learn the file at hand. Where those already know the next token, it does not matter
what the model says, and a small model has better things to learn than to repeat what was there before. So a
token counts for 1 - P, with P its probability by the contexts alone (mixer profile 3, beginning anew every 512 KB).

OUT is a pack of some of PACK's tokens, pieces spread over each domain, with weights in sixteenths beside them.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from tokens import Encoder
from train import WEIGHTS

RUN = 131_072  # tokens in one piece
PIECE = 512 << 10  # bytes between two fresh starts


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("pack", type=Path)
    ap.add_argument("out", type=Path)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--contexts", type=Path, required=True)
    ap.add_argument("--tokens", type=float, default=28, help="how many to take, in millions")
    a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    spelled = Encoder(a.tokenizer).bytes
    lengths = np.array([len(t) for t in spelled])
    for domain, share in WEIGHTS.items():
        ids = np.memmap(a.pack / f"{domain}.u16", np.uint16, "r")
        run = min(RUN, len(ids))
        wanted = min(len(ids) // run, max(2, round(share * a.tokens * 1e6 / run)))
        starts = (np.arange(wanted) * (len(ids) - run) // max(1, wanted - 1)).astype(int)
        ids = np.concatenate([ids[s:s + run] for s in starts])
        with tempfile.TemporaryDirectory() as scratch:
            raw, costs = Path(scratch) / "raw", Path(scratch) / "costs"
            raw.write_bytes(b"".join(spelled[i] for i in ids))
            subprocess.run([a.contexts, "costs", raw, costs, str(PIECE)], check=True)
            bits = np.fromfile(costs, np.uint8).astype(np.float32) / 16
        ends = np.cumsum(lengths[ids])
        total = np.concatenate([[0], np.cumsum(bits, dtype=np.float64)])
        token_bits = total[ends] - total[ends - lengths[ids]]
        weights = 1 - 2.0 ** -token_bits
        ids.tofile(a.out / f"{domain}.u16")
        np.round(weights * 15).astype(np.uint8).tofile(a.out / f"{domain}.weight")
        print(f"{domain}: {len(ids)} tokens, {len(bits)} bytes, {bits.mean():.3f} bits per byte, mean weight {weights.mean():.3f}", flush=True)
    shutil.copy(a.pack / "pack.json", a.out)


if __name__ == "__main__":
    main()
