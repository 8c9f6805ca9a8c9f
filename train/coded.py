"""What models are worth where it counts: bytes that `llz pack` makes of eval-public with them.

    python coded.py --eval ../../shared/eval-public MODEL...

Each folder is an archive of its own, unpacked again and compared; a MODEL is a file or the name of a built-in or
installed one. `xz -9e` of the same bytes stands beside them.
"""
from __future__ import annotations

import argparse
import filecmp
import lzma
import subprocess
import tempfile
from pathlib import Path

from validate import texts

LLZ = Path(__file__).resolve().parents[1] / "target" / "release" / "llz"


def coded(llz: Path, model: str | Path, folder: bytes, work: Path, level: int = 9) -> int:
    """Bytes that llz makes of `folder` with this model."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "in").write_bytes(folder)
    subprocess.run([llz, "pack", "-q", "-f", f"-{level}", "--model", model, "-o", "out", "in"], cwd=work, check=True)
    subprocess.run([llz, "unpack", "-q", "-f", "--model", model, "-C", "back", "out"], cwd=work, check=True)
    if not filecmp.cmp(work / "in", work / "back" / "in", shallow=False):
        raise SystemExit(f"{model}: the data does not come back")
    return (work / "out").stat().st_size


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("models", nargs="+")
    ap.add_argument("--eval", type=Path, required=True)
    ap.add_argument("--llz", type=Path, default=LLZ)
    ap.add_argument("--level", type=int, default=6)
    ap.add_argument("--sample", type=int, help="bytes to take of each folder (default: all)")
    a = ap.parse_args()
    models = [m if not Path(m).exists() else Path(m).resolve() for m in a.models]
    columns = ["raw", "xz -9e", *(Path(m).stem for m in a.models)]
    print(f"| domain | {' | '.join(columns)} |\n|---{'|---:' * len(columns)}|", flush=True)
    total = [0] * len(columns)
    with tempfile.TemporaryDirectory() as work:
        for domain, files in texts(a.eval).items():
            folder = b"".join(files)[:a.sample]
            xz = len(lzma.compress(folder, preset=9 | lzma.PRESET_EXTREME))
            row = [len(folder), xz, *(coded(a.llz.resolve(), m, folder, Path(work), a.level) for m in models)]
            total = [t + n for t, n in zip(total, row)]
            print(f"| {domain} | {' | '.join(map(str, row))} |", flush=True)
    print(f"| **all** | {' | '.join(map(str, total))} |")
    print(f"| against xz -9e | {' | '.join(f'{100 * (n / total[1] - 1):+.1f} %' for n in total)} |")


if __name__ == "__main__":
    main()
