"""What llz's mixer makes of packed text: for every binary decision on the way to every token, what else than the model speaks
for the right answer, and how much the model counts.

    python odds.py PACK OUT --tokenizer FILE --model FILE --mixer target/release/train_prior

OUT is a pack of some of PACK's tokens, pieces spread over each domain, with that beside them (mixed.py says what for).
--model is what is to be trained, as it is now, in the format of the shipped files, its prior included.
"""
from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from decisions import Decisions
from mixed import UNITS
from tokens import Encoder
from train import WEIGHTS

RUN = 131_072  # tokens that are taken together
# Archives are long and messages short, and what the mixer knows depends on that: so many tokens after a fresh start in one run
# of four, and so on.
PIECES = (RUN, RUN, 8192, 1024)


def by_mixer(ranks: np.ndarray, piece: int, a: argparse.Namespace) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        tokens, odds = Path(scratch) / "tokens", Path(scratch) / "odds"
        ranks.astype(np.uint16).tofile(tokens)
        subprocess.run([a.mixer, "odds", a.model, tokens, odds, str(piece)], check=True)
        return odds.read_bytes()


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("pack", type=Path)
    ap.add_argument("out", type=Path)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--model", type=Path, required=True, help="an int8 file")
    ap.add_argument("--mixer", type=Path, required=True)
    ap.add_argument("--tokens", type=float, default=28, help="how many to take, in millions")
    ap.add_argument("--last", action="store_true", help="take them from the end of each domain: what an earlier run had no time for")
    a = ap.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    decisions = Decisions(Encoder(a.tokenizer).bytes)
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
                    odds.write(by_mixer(decisions.rank[part], piece, a))
        ids, odds = np.fromfile(a.out / f"{domain}.u16", np.uint16), np.fromfile(a.out / f"{domain}.odds", np.dtype((np.int8, 2)))
        if len(odds) != decisions.count[ids].sum():
            raise SystemExit(f"{domain}: not one for each decision; is {a.model} of this vocabulary?")
        print(f"{domain}: {len(ids)} tokens, the model counts {odds[:, 1].mean() / UNITS[1]:.3f}", flush=True)
    shutil.copy(a.pack / "pack.json", a.out)


if __name__ == "__main__":
    main()
