"""Ablations at equal inference cost and equal training cost, judged by coded bytes with the mixer on.

    python ablate.py --pack DIR --tokenizer T --eval DIR --out DIR [--only NAME ...]

Every variant is a model of about the same multiply-adds per byte of text that reads the same bytes as often, so
that coding and training cost the same. It is trained from scratch for `--bytes`, quantised and exported; then
`llz pack --model` codes the first `--sample` bytes of every folder of eval-public with it (each folder an archive of
its own, unpacked again and compared). The mixer starts from plain values for all of them. Small models and little
text: what wins here by a percent may lose with a hundred times the text.

DIR of `--pack` is a whole pack of a 4,096-token vocabulary that passed the contamination check; those of the other
vocabularies are made from its text. Finished variants are not repeated.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from coded import LLZ, coded
from corpus import DOMAINS
from model import Config
from tokens import Encoder, save, train
from train import WEIGHTS
from validate import texts

HERE = Path(__file__).resolve().parent
RANKS = dict(rank_w=16, rank_a=16, rank_v=16, rank_g=32)
EVEN = dict.fromkeys(WEIGHTS, 1.0)
CONTEXT = 1400  # bytes that a window of training holds
WINDOWS = 8

# What is varied, by name: (shape, domain shares; None for those by size).
BASE = dict(vocab=4096, width=128, layers=3, ffn=384)
VARIANTS = {
    "base": (BASE, WEIGHTS),
    "bytes": (BASE | dict(vocab=256, layers=2), WEIGHTS),
    "vocabulary of 1,024": (BASE | dict(vocab=1024, ffn=512), WEIGHTS),
    "vocabulary of 8,192": (BASE | dict(vocab=8192, layers=1), WEIGHTS),
    "vocabulary of 16,384": (BASE | dict(vocab=16384, width=64, layers=5, ffn=192), WEIGHTS),
    "deep and narrow": (BASE | dict(width=64, layers=16, ffn=192), WEIGHTS),
    "shallow and wide": (BASE | dict(width=192, layers=1, ffn=320), WEIGHTS),
    "narrow channel mix": (BASE | dict(layers=4, ffn=192), WEIGHTS),
    "wide channel mix": (BASE | dict(layers=2, ffn=768), WEIGHTS),
    "domains evenly": (BASE, EVEN),
    "domains by size": (BASE, None),
}


def repack(pack: Path, base: Encoder, encoder: Encoder, out: Path, most: int) -> None:
    """The first `most` bytes of every domain of `pack` in another vocabulary."""
    out.mkdir(parents=True, exist_ok=True)
    for domain in DOMAINS:
        text = spelled(pack, base, domain, most)
        # Whole lines by the hundred kilobytes: the encoder likes many short texts.
        pieces, at = [], 0
        while at < len(text):
            end = text.find(b"\n", at + 100_000) + 1 or len(text)
            pieces.append(text[at:end])
            at = end
        np.concatenate(encoder.encode_many(pieces)).tofile(out / f"{domain}.u16")
    info = json.loads((pack / "pack.json").read_text()) | {"vocab_size": len(encoder.bytes), "start_token": encoder.start}
    (out / "pack.json").write_text(json.dumps(info, indent=1) + "\n")


def spelled(pack: Path, base: Encoder, domain: str, most: int) -> bytes:
    ids = np.fromfile(pack / f"{domain}.u16", np.uint16, count=most)
    return b"".join(base.bytes[i] for i in ids)[:most]


def vocabulary(a: argparse.Namespace, base: Encoder, size: int) -> tuple[Path, Path]:
    """The tokenizer and the pack of a vocabulary."""
    tokenizer, pack = a.out / f"tokenizer-{size}.json", a.out / f"pack-{size}"
    if size == len(base.bytes):
        return a.tokenizer, a.pack
    if not tokenizer.exists():
        tok = train((spelled(a.pack, base, d, 2_000_000).decode("utf-8", "replace") for d in DOMAINS), size)
        save(tok, tokenizer)
    if not (pack / "pack.json").exists():
        repack(a.pack, base, Encoder(tokenizer), pack, 4_000_000)
    return tokenizer, pack


def bytes_per_token(pack: Path, encoder: Encoder, weights: dict[str, float]) -> float:
    lengths = np.array([len(b) for b in encoder.bytes])
    mean = {d: lengths[np.fromfile(pack / f"{d}.u16", np.uint16, count=200_000)].mean() for d in weights}
    return sum(w * mean[d] for d, w in weights.items()) / sum(weights.values())


def variant(a: argparse.Namespace, base: Encoder, name: str) -> dict:
    """Trains and measures one variant."""
    shape, weights = VARIANTS[name]
    work = a.out / name.replace(" ", "-").replace(",", "")
    result = work / "result.json"
    if result.exists():
        return json.loads(result.read_text())
    tokenizer, pack = vocabulary(a, base, shape["vocab"])
    encoder = Encoder(tokenizer)
    if weights is None:
        weights = {d: (a.pack / f"{d}.u16").stat().st_size / 1e9 for d in DOMAINS}
    per_token = bytes_per_token(pack, encoder, weights)
    window = max(16, round(CONTEXT / per_token / 16) * 16)
    steps = round(a.bytes / (per_token * WINDOWS * window))
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in (shape | RANKS).items()]
    subprocess.run([sys.executable, HERE / "train.py", "--pack", pack, "--tokenizer", tokenizer, "--out", work, "--steps", str(steps),
                    "--windows", f"{WINDOWS}*{window}", "--weights", json.dumps(weights), "--seed", "1", "--compile",
                    *flags], check=True, stdout=subprocess.DEVNULL)
    model = work / "int8.safetensors"
    subprocess.run([sys.executable, HERE / "export.py", work / "last.pt", "--tokenizer", tokenizer, "--name", "ablation", "--int8", model],
                   check=True, stdout=subprocess.DEVNULL)
    sizes = {d: coded(a.llz, model, b"".join(files)[:a.sample], work / "coded") for d, files in texts(a.eval).items()}
    found = dict(cost=Config(**shape, **RANKS).multiply_adds() / per_token, bytes_per_token=per_token, steps=steps,
                 window=window, sizes=sizes)
    result.write_text(json.dumps(found))
    return found


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--pack", type=Path, required=True)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--llz", type=Path, default=LLZ)
    ap.add_argument("--bytes", type=int, default=2_700_000, help="of text to train on")
    ap.add_argument("--sample", type=int, default=40_000, help="of each folder to code")
    ap.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    a = ap.parse_args()
    for path in ("pack", "tokenizer", "eval", "out", "llz"):
        setattr(a, path, getattr(a, path).resolve())
    a.out.mkdir(parents=True, exist_ok=True)
    base, first = Encoder(a.tokenizer), None
    domains = list(texts(a.eval))
    print("| variant | shape | multiply-adds per byte | all | " + " | ".join(domains) + " |")
    print("|---|---|---:|---:|" + "---:|" * len(domains))
    for name in a.only:
        found = variant(a, base, name)
        shape, sizes = VARIANTS[name][0], found["sizes"] | {"all": sum(found["sizes"].values())}
        if first is None:  # in bytes; the others against it
            first, cells = sizes, sizes
        else:
            cells = {d: f"{100 * (sizes[d] / first[d] - 1):+.1f} %" for d in sizes}
            cells["all"] = f"{sizes['all']} ({cells['all']})"
        print(f"| {name} | {shape['vocab']} tokens, {shape['layers']} × {shape['width']}, {shape['ffn']} "
              f"| {found['cost'] / 1000:.0f} k | " + " | ".join(str(cells[d]) for d in ["all", *domains]) + " |", flush=True)


if __name__ == "__main__":
    main()
