"""The packed corpus in parts small enough to carry to a machine with a GPU.

    python stage.py split PACK STAGE --bytes 54000000     # here: STAGE/0, STAGE/1, ...
    python stage.py join PACK STAGE/0 [STAGE/1 ...]       # there

Pieces of 4 M tokens each, compressed; the part that comes first holds what is seen most often, so any number of parts, from
the first on, is a corpus worth training on.
"""
from __future__ import annotations

import argparse
import lzma
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from corpus import DOMAINS
from train import WEIGHTS

PIECE = 4_000_000  # tokens
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 3, "lp": 1, "pb": 1}]  # for 16-bit tokens


def squeeze(piece: np.ndarray) -> bytes:
    return lzma.compress(piece.tobytes(), format=lzma.FORMAT_XZ, filters=FILTERS)


def split(pack: Path, out: Path, limit: int) -> None:
    queue = {d: [np.fromfile(pack / f"{d}.u16", np.uint16, PIECE, offset=2 * at)
                 for at in range(0, (pack / f"{d}.u16").stat().st_size // 2, PIECE)] for d in DOMAINS}
    order, taken = [], dict.fromkeys(DOMAINS, 0)
    while any(queue.values()):
        d = min((d for d in DOMAINS if queue[d]), key=lambda d: taken[d] / WEIGHTS[d])
        order.append((d, taken[d] // PIECE, queue[d].pop(0)))
        taken[d] += PIECE
    part, size = 0, 0
    with ProcessPoolExecutor() as pool:
        for (domain, number, _), data in zip(order, pool.map(squeeze, [piece for *_, piece in order])):
            if size + len(data) > limit:
                part, size = part + 1, 0
            size += len(data)
            path = out / str(part) / f"{domain}-{number:03}.xz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for folder in range(part + 1):
        shutil.copy(pack / "pack.json", out / str(folder))
        files = list((out / str(folder)).glob("*.xz"))
        print(f"{out / str(folder)}: {len(files)} pieces, {sum(f.stat().st_size for f in files)} bytes")


def join(pack: Path, parts: list[Path]) -> None:
    pack.mkdir(parents=True, exist_ok=True)
    shutil.copy(parts[0] / "pack.json", pack)
    with ProcessPoolExecutor() as pool:
        for domain in DOMAINS:
            pieces = sorted((f for part in parts for f in part.glob(f"{domain}-*.xz")), key=lambda f: f.name)
            with (pack / f"{domain}.u16").open("wb") as sink:
                for data in pool.map(lzma.decompress, [f.read_bytes() for f in pieces]):
                    sink.write(data)
            print(f"{domain}: {(pack / f'{domain}.u16').stat().st_size // 2} tokens")


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = ap.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("split")
    verb.add_argument("pack", type=Path)
    verb.add_argument("out", type=Path)
    verb.add_argument("--bytes", type=int, default=54_000_000, help="of a part")
    verb = verbs.add_parser("join")
    verb.add_argument("pack", type=Path)
    verb.add_argument("parts", type=Path, nargs="+")
    a = ap.parse_args()
    split(a.pack, a.out, a.bytes) if a.verb == "split" else join(a.pack, a.parts)


if __name__ == "__main__":
    main()
