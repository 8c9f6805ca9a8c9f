"""What a learned initial state per kind of content would be worth.

    python prefixes.py MODEL --pack DIR --tokenizer T --eval DIR [--steps 60]

The state is learned through a prefix: some vectors that the model reads in place of tokens before the first one
(Li and Liang, "Prefix-Tuning", 2021), with its weights as they are. One prefix for all kinds together shows what any
learned start is worth, one for each kind what knowing the kind adds. Bits per byte of the model alone, on the first
512 tokens of places spread over each folder of eval-public: what a short message would see.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data import Batches
from evaluate import build
from export import load
from loss import head_loss
from model import RWKV7
from optim import rate
from tokens import Encoder
from train import WEIGHTS
from validate import Slices

LENGTH = 512
PREFIX = 16
BATCH = 8
# The kind of each folder of eval-public whose name is not a kind itself.
KINDS = dict.fromkeys(("config", "csv", "html", "json", "logs", "xml"), "structured")


class Prefixed(nn.Module):
    """A model that reads `prefix` before every text."""

    def __init__(self, model: RWKV7, prefix: Tensor):
        super().__init__()
        self.model, self.prefix, self.head = model, prefix, model.head

    def forward(self, ids: Tensor, linear=F.linear) -> Tensor:
        x = torch.cat([self.prefix.expand(len(ids), -1, -1), self.model.emb(ids)], 1)
        return self.model.read(x, linear)[:, len(self.prefix):]


def learn(model: RWKV7, pack: Path, weights: dict[str, float], start: int, steps: int, lr: float) -> Prefixed:
    """The model with a prefix for text of these domains, which may begin anywhere."""
    # It begins as what precedes a text anyway.
    prefix = nn.Parameter(model.emb.weight[start].repeat(PREFIX, 1).clone())
    prefixed = Prefixed(model, prefix)
    optimizer = torch.optim.Adam([prefix], lr=lr * prefix.std().item(), betas=(0.9, 0.98))
    peak = optimizer.param_groups[0]["lr"]
    batches = Batches(pack, weights, [LENGTH] * BATCH, seed=5)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = peak * rate(step / steps, 0.05, 0.7)
        rows = torch.stack(batches.next())
        ids = F.pad(rows[:, :-2], (1, 0), value=start)
        loss = head_loss(prefixed(ids), model.head.weight, rows[:, :-1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return prefixed


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", type=Path)
    ap.add_argument("--pack", type=Path, required=True)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--steps", type=int, default=60)
    ap.add_argument("--lr", type=float, default=0.1, help="in units of an embedding's spread")
    a = ap.parse_args()
    torch.manual_seed(0)
    encoder, model = Encoder(a.tokenizer), build(load(a.model)).requires_grad_(False)
    slices = Slices(a.eval, encoder, sequences=16, length=LENGTH)
    common = learn(model, a.pack, WEIGHTS, encoder.start, a.steps, a.lr)
    own = {}
    print("| folder | no prefix | one for all | one for its kind |\n|---|---:|---:|---:|")
    for domain in slices.ids:
        kind = KINDS.get(domain, domain)
        if kind not in own:
            own[kind] = learn(model, a.pack, {kind: 1.0}, encoder.start, a.steps, a.lr)
        was, one, kinds = (slices.domain(m, domain) for m in (model, common, own[kind]))
        print(f"| {domain} | {was:.4f} | {one:.4f} ({100 * (one / was - 1):+.1f} %) "
              f"| {kinds:.4f} ({100 * (kinds / was - 1):+.1f} %) |", flush=True)


if __name__ == "__main__":
    main()
