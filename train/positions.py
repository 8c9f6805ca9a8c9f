"""What the state is worth: bits per byte by quarters of a long text, with the state reset every 1,024 tokens
and kept.

    python positions.py MODEL --tokenizer FILE --eval DIR [--tokens 32768]

MODEL is a safetensors file, float or int8. Four texts of eval-public: a novel, documentation, all code end to
end, wiki markup.
"""
from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
import torch.nn.functional as F

from evaluate import build
from export import load
from loss import token_nats
from model import RWKV7
from tokens import Encoder

WINDOW = 1024
TEXTS = ("prose/18304.txt", "docs/og-aws/README.md", "code/**/*", "wiki/enwiki-pages.xml")


@torch.no_grad()
def quarters(model: RWKV7, ids: torch.Tensor, lengths: torch.Tensor, window: int, start: int) -> list[float]:
    """Bits per byte of each quarter, the state being reset after every `window` tokens."""
    rows = ids.view(-1, window)
    before = F.pad(rows[:, :-1], (1, 0), value=start)
    before[1:, 0] = rows[:-1, -1]
    nats = torch.cat([token_nats(model(x[None]), model.head.weight, y[None]).flatten() for x, y in zip(before, rows)])
    parts = zip(nats.double().chunk(4), lengths[ids].chunk(4))
    return [n.sum().item() / math.log(2) / b.sum().item() for n, b in parts]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", type=Path)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--tokens", type=int, default=32768)
    a = ap.parse_args()
    encoder, model = Encoder(a.tokenizer), build(load(a.model))
    lengths = torch.tensor([len(b) for b in encoder.bytes])
    print("| text | state | quarters |\n|---|---|---|")
    for pattern in TEXTS:
        raw = b"".join(p.read_bytes() for p in sorted(a.eval.glob(pattern)) if p.is_file())[:8 * a.tokens]
        ids = torch.from_numpy(encoder.encode(raw)[:a.tokens].astype("int64"))
        ids = ids[:len(ids) // (4 * WINDOW) * 4 * WINDOW]
        for name, window in (("reset", WINDOW), ("kept", len(ids))):
            bits = quarters(model, ids, lengths, window, encoder.start)
            print(f"| {pattern} | {name} | {' '.join(f'{b:.4f}' for b in bits)} |", flush=True)


if __name__ == "__main__":
    main()
