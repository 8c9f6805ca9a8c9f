"""What rounding costs in coded bytes: the first bytes of every text folder of eval-public, once with the float model's hidden
vectors and log odds and once with the shipped file's, mixer and prior being the same.

    cargo build --release -p llz-tools
    python rounding.py FLOAT.safetensors INT8.safetensors --tokenizer T --eval ../../shared/eval-public

Ideal code lengths, by `train_prior eval`, whose table for each is printed. Exits with 1 if the shipped file costs more than 0.3 %
more. What lies between collecting and coding is a cache: for each file its name, its tokens (ranks), the hidden vector
at each position and the log odds at each decision.
"""
from __future__ import annotations

import argparse
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from evaluate import build
from export import load
from tokens import Encoder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "spec" / "decoder"))
from vocabulary import BIT, Vocabulary  # noqa: E402

ALLOWED = 0.003
STEP = 2048  # positions whose logits are held at once
TRAIN_PRIOR = Path(__file__).resolve().parents[1] / "target" / "release" / "train_prior"


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


def collect_float(model: Path, tokenizer: Path, cache: Path, size: int, files: list[Path]) -> None:
    """What `train_prior collect` does, by the float model."""
    encoder = Encoder(tokenizer)
    vocabulary = Vocabulary(encoder.bytes)
    order = torch.tensor(vocabulary.order)
    rank_of = np.argsort(vocabulary.order)
    walks = decisions(vocabulary)
    model = build(load(model))
    with cache.open("wb") as sink:
        for path in files:
            ids = encoder.encode(gather(path)[:size]).astype(np.int64)
            ranks = rank_of[ids]
            inputs = np.concatenate([[encoder.start], ids[:-1]])
            with torch.no_grad():
                hidden = model(F.pad(torch.from_numpy(inputs), (0, -len(ids) % 16))[None])[0, :len(ids)]
                odds = [log_odds((hidden[i:i + STEP] @ model.head.weight.T)[:, order], ranks[i:i + STEP], walks)
                        for i in range(0, len(ids), STEP)]
            parts = [path.name.encode(), ranks.astype("<u4").tobytes(),
                     hidden.numpy().astype("<f4").tobytes(), np.concatenate(odds).astype("<f4").tobytes()]
            for part in parts:
                sink.write(struct.pack("<Q", len(part)) + part)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("float", type=Path)
    ap.add_argument("int8", type=Path, help="with its mixer prior")
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--bytes", type=int, default=120_000, help="of each folder")
    ap.add_argument("--train-prior", type=Path, default=TRAIN_PRIOR)
    a = ap.parse_args()
    folders = [p for p in sorted(a.eval.iterdir()) if p.is_dir() and p.name != "binary"]
    with tempfile.TemporaryDirectory() as work:
        cache = Path(work) / "cache"

        def coded(name: str) -> int:
            table = subprocess.run([a.train_prior, "eval", a.int8, cache], check=True, stdout=subprocess.PIPE, text=True).stdout
            print(f"{name}:\n{table}")
            return int(table.splitlines()[-1].split("|")[-2])

        collect_float(a.float, a.tokenizer, cache, a.bytes, folders)
        before = coded("float")
        subprocess.run([a.train_prior, "collect", a.int8, cache, str(a.bytes), *folders], check=True, stderr=subprocess.DEVNULL)
        after = coded("int8")
    cost = after / before - 1
    print(f"{before} -> {after} bytes, {100 * cost:+.2f} %")
    if cost > ALLOWED:
        sys.exit("rounding costs too much")


if __name__ == "__main__":
    main()
