"""What contexts alone make of packed text: for every binary decision on the way to every token, their log odds of the right answer.

    python odds.py PACK OUT --tokenizer FILE --model FILE --contexts target/release/examples/train_prior

OUT is a pack of some of PACK's tokens, pieces spread over each domain, with the log odds beside them (mixed.py says what for).
The contexts are those that llz mixes with a model; --model gives the vocabulary.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from decisions import Decisions
from mixed import UNIT
from tokens import Encoder
from train import WEIGHTS

RUN = 131_072  # tokens that are taken together
# Archives are long and messages short, and what contexts know depends on that: so many tokens after a fresh start in one run
# of four, and so on.
PIECES = (RUN, RUN, 8192, 1024)


def by_contexts(ranks: np.ndarray, piece: int, a: argparse.Namespace) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        tokens, odds = Path(scratch) / "tokens", Path(scratch) / "odds"
        ranks.astype(np.uint16).tofile(tokens)
        subprocess.run([a.contexts, "odds", a.model, tokens, odds, str(piece)], check=True)
        return odds.read_bytes()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("pack", type=Path)
    ap.add_argument("out", type=Path)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--model", type=Path, required=True, help="any shipped file with this tokenizer")
    ap.add_argument("--contexts", type=Path, required=True)
    ap.add_argument("--tokens", type=float, default=28, help="how many to take, in millions")
    ap.add_argument("--last", action="store_true", help="take them from the end of each domain: what an earlier run had no time for")
    a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    spelled = Encoder(a.tokenizer).bytes
    decisions = Decisions(spelled)
    lengths = np.array([len(t) for t in spelled])
    for domain, share in WEIGHTS.items():
        ids = np.memmap(a.pack / f"{domain}.u16", np.uint16, "r")
        run = min(RUN, len(ids))
        wanted = min(len(ids) // run, max(2, round(share * a.tokens * 1e6 / run)))
        starts = np.arange(wanted) * (len(ids) - run) // max(1, wanted - 1)
        if a.last:
            starts = len(ids) - run * np.arange(1, wanted + 1)
        with (a.out / f"{domain}.u16").open("wb") as tokens, (a.out / f"{domain}.odds").open("wb") as odds:
            for piece in sorted(set(PIECES)):
                of_piece = [ids[s:s + run] for i, s in enumerate(starts) if PIECES[i % len(PIECES)] == piece]
                if of_piece:
                    part = np.concatenate(of_piece)
                    part.tofile(tokens)
                    odds.write(by_contexts(decisions.rank[part], piece, a))
        ids, odds = np.fromfile(a.out / f"{domain}.u16", np.uint16), np.fromfile(a.out / f"{domain}.odds", np.int8)
        if len(odds) != decisions.count[ids].sum():
            raise SystemExit(f"{domain}: not one for each decision; is {a.model} of this vocabulary?")
        bits = np.logaddexp2(0, odds / (-UNIT * np.log(2))).sum()
        print(f"{domain}: {len(ids)} tokens, {bits / lengths[ids].sum():.3f} bits per byte by contexts alone", flush=True)
    shutil.copy(a.pack / "pack.json", a.out)


if __name__ == "__main__":
    main()
