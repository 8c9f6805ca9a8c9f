"""What rounding costs in coded bytes: the cache of `train_prior collect`, made by the float model.

    python float_cache.py FLOAT.safetensors CACHE BYTES FILE... --tokenizer T
    cargo run --release --example train_prior -- eval small CACHE

then codes the same bytes with the float model's log odds and hidden vectors, mixer and prior being those of the
shipped model; `train_prior collect small CACHE BYTES FILE...` is the other side. The cache is `examples/train_prior.rs`'s:
for each file its name, its tokens (ranks), the hidden vector at each position and the log odds at each decision.
"""
from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from evaluate import build
from export import load
from tokens import Encoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spec" / "decoder"))
from vocabulary import BIT, Vocabulary  # noqa: E402


STEP = 2048  # positions whose logits are held at once


def gather(path: Path) -> bytes:
    """A file, or a folder's files end to end by name, as `train_prior` takes them."""
    if path.is_dir():
        return b"".join(gather(p) for p in sorted(path.iterdir()))
    return path.read_bytes()


def decisions(vocabulary: Vocabulary) -> list[np.ndarray]:
    """For each rank the decisions that lead to it: rows of lo, mid, hi and whether a one is the upper side."""
    walks: list = [None] * len(vocabulary.tokens)

    def visit(node, walk):
        if isinstance(node, int):
            walks[node] = np.array(walk, dtype=np.int64).reshape(-1, 4)
            return
        for child in node.children:  # a one means the upper side, but where a token ends
            visit(child, [*walk, (node.lo, node.mid, node.hi, node.kind == BIT)])

    visit(vocabulary.root, [])
    return walks


def log_odds(logits: torch.Tensor, ranks: np.ndarray, walks: list[np.ndarray]) -> np.ndarray:
    """[positions, vocabulary in byte order] -> the log odds of a one at every decision of these tokens, in order."""
    # Integer frequencies, as inference takes them (FORMAT.md): what differs is only where the logits come from.
    frequencies = 1 + torch.floor(torch.exp(logits.double() - logits.amax(1, keepdim=True)) * 2.0 ** 28).long()
    below = F.pad(frequencies.cumsum(1), (1, 0)).numpy()
    at = np.concatenate([np.full(len(walks[r]), i) for i, r in enumerate(ranks)])
    lo, mid, hi, upper = np.concatenate([walks[r] for r in ranks]).T
    odds = np.log(below[at, hi] - below[at, mid]) - np.log(below[at, mid] - below[at, lo])
    return np.where(upper == 1, odds, -odds).astype(np.float32)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", type=Path)
    ap.add_argument("cache", type=Path)
    ap.add_argument("bytes", type=int)
    ap.add_argument("files", type=Path, nargs="+")
    ap.add_argument("--tokenizer", type=Path, required=True)
    a = ap.parse_args()
    encoder = Encoder(a.tokenizer)
    vocabulary = Vocabulary(encoder.bytes)
    order = torch.tensor(vocabulary.order)
    rank_of = np.argsort(vocabulary.order)
    walks = decisions(vocabulary)
    model = build(load(a.model))
    with a.cache.open("wb") as cache:
        for path in a.files:
            ids = encoder.encode(gather(path)[:a.bytes]).astype(np.int64)
            ranks = rank_of[ids]
            inputs = np.concatenate([[encoder.start], ids[:-1]])
            with torch.no_grad():
                hidden = model(F.pad(torch.from_numpy(inputs), (0, -len(ids) % 16))[None])[0, :len(ids)]
                odds = [log_odds((hidden[i:i + STEP] @ model.head.weight.T)[:, order], ranks[i:i + STEP], walks)
                        for i in range(0, len(ids), STEP)]
            parts = [path.name.encode(), ranks.astype("<u4").tobytes(),
                     hidden.numpy().astype("<f4").tobytes(), np.concatenate(odds).astype("<f4").tobytes()]
            for part in parts:
                cache.write(struct.pack("<Q", len(part)) + part)
            print(f"{path.name}: {len(ids)} tokens, {len(parts[3]) // 4} decisions", flush=True)


if __name__ == "__main__":
    main()
