#!/usr/bin/env python3
"""Size against time for every level of llz and its peers: a Markdown table and a plot.

  bench/levels.py [--bytes N] [--levels 1,2,…] [--model FILE]… [--svg OUT.svg] [DIR]     default DIR: ../shared/eval-public

The data is one file: the first N bytes (default 2,000,000) of DIR's text folders, an equal share from
each, file after file. Every program codes it with as many threads as there are cores, where it can
use them; every output is decoded and compared. Each --model is measured at level 9. LLZ=PROGRAM chooses the llz.
"""

import argparse
import math
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import program

FOLDERS = ["prose", "wiki", "docs", "code", "json", "multilingual", "html", "logs", "xml", "csv", "config"]
COLOURS = {"llz": "#c2410c", "zstd": "#2563eb", "xz": "#059669", "brotli": "#7c3aed", "7z": "#64748b", "zpaq": "#be185d"}


def sample(data: Path, size: int) -> bytes:
    folders = [data / f for f in FOLDERS if (data / f).is_dir()]
    parts = []
    for folder in folders:
        text = b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())
        parts.append(text[: size // len(folders)])
    return b"".join(parts)


def points(levels, models):
    """(program, level, how to code `in` to `out`, how to decode `out` to `back`)."""
    llz = program.llz()
    for level in levels:
        yield "llz", f"-{level}", f"{llz} pack -q -{level} -o out in", f"{llz} unpack -q -C d out && mv d/in back"
    for model in models:
        chosen = f"--model {shlex.quote(str(model.resolve()))}"
        yield "llz", f"-9 {model.stem}", f"{llz} pack -q -9 {chosen} -o out in", f"{llz} unpack -q {chosen} -C d out && mv d/in back"
    for level in (3, 19):
        yield "zstd", f"-{level}", f"zstd -q -T0 -{level} -o out in", "zstd -q -d -o back out"
    for level in ("6", "9e"):
        yield "xz", f"-{level}", f"xz -T0 -{level} -c in >out", "xz -d -c out >back"
    for level in (5, 11):
        yield "brotli", f"-q {level}", f"brotli -q {level} --lgwin=24 -o out in", "brotli -d -o back out"
    yield "7z", "PPMd", "7z a -bd -m0=PPMd:o=32:mem=256m out.7z in && mv out.7z out", "mv out out.7z && 7z e -so out.7z >back && mv out.7z out"
    for level in (3, 5):
        yield "zpaq", f"-m{level}", f"zpaq add out.zpaq in -m{level} && mv out.zpaq out", "mv out out.zpaq && zpaq extract out.zpaq in -to back && mv out.zpaq out"


def measure(raw: bytes, levels, models):
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        (work / "in").write_bytes(raw)
        for name, level, code, decode in points(levels, models):
            if name != "llz" and not shutil.which(name):
                print(f"<!-- {name} is not installed, so not measured -->")
                continue
            for file in ("out", "back"):
                (work / file).unlink(missing_ok=True)
            shutil.rmtree(work / "d", ignore_errors=True)
            seconds = []
            for command in (code, decode):
                start = time.monotonic()
                subprocess.run(command, shell=True, cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                seconds.append(time.monotonic() - start)
            if (work / "back").read_bytes() != raw:
                raise SystemExit(f"{name} {level}: the data does not come back")
            yield name, level, (work / "out").stat().st_size, *seconds


def distinct(rows):
    """Levels of one program that make as many bytes are one point, the fastest."""
    same = {}
    for row in rows:
        same.setdefault((row[0], row[2]), []).append(row)
    return [(name, ", ".join(row[1] for row in group), size, *min(group, key=lambda row: row[3])[3:])
            for (name, size), group in same.items()]


def place(x: float, y: float, text: str, taken: list) -> tuple[float, float, str]:
    """Where beside a point its label covers none of `taken`, boxes of x0, y0, x1, y1, which it joins: x, y, anchor."""
    wide = 6.6 * len(text)
    for dx, dy, anchor in ((7, -5, "start"), (7, 14, "start"), (-7, 14, "end"), (-7, -5, "end"), (7, 28, "start")):
        x0 = x + dx - (wide if anchor == "end" else 0)
        box = (x0, y + dy - 11, x0 + wide, y + dy + 3)
        if not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            break
    taken.append(box)
    return x + dx, y + dy, anchor


def svg(rows, raw: int) -> str:
    """Bits per byte over seconds to pack, the latter on a logarithmic scale."""
    rows = distinct(rows)
    width, height, left, bottom, top, right = 760, 460, 60, 50, 20, 90
    times = [max(r[3], 0.01) for r in rows]
    bits = [8 * r[2] / raw for r in rows]
    lo, hi = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    least, most = math.floor(min(bits) * 5) / 5, math.ceil(max(bits) * 5) / 5
    x = lambda t: left + (math.log10(max(t, 0.01)) - lo) / (hi - lo) * (width - left - right)
    y = lambda b: top + (most - b) / (most - least) * (height - top - bottom)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for power in range(lo, hi + 1):
        at = x(10**power)
        out.append(f'<line x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{height - bottom}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{at:.1f}" y="{height - bottom + 18}" text-anchor="middle">{10.0**power:g} s</text>')
    for step in range(round((most - least) * 5) + 1):
        b = least + step / 5
        out.append(f'<line x1="{left}" y1="{y(b):.1f}" x2="{width - right}" y2="{y(b):.1f}" stroke="#e5e7eb"/>')
        out.append(f'<text x="{left - 8}" y="{y(b) + 4:.1f}" text-anchor="end">{b:.1f}</text>')
    out.append(f'<text x="{(left + width - right) / 2}" y="{height - 8}" text-anchor="middle">time to pack</text>')
    out.append(f'<text transform="translate(16 {(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle">bits per byte</text>')
    taken = [(x(r[3]) - 5, y(8 * r[2] / raw) - 5, x(r[3]) + 5, y(8 * r[2] / raw) + 5) for r in rows]
    for name in dict.fromkeys(r[0] for r in rows):
        own = sorted((r for r in rows if r[0] == name), key=lambda r: r[3])
        path = " ".join(f"{x(r[3]):.1f},{y(8 * r[2] / raw):.1f}" for r in own)
        colour = COLOURS[name]
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-opacity="0.5"/>')
        for r in own:
            px, py = x(r[3]), y(8 * r[2] / raw)
            out.append(f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{colour}"/>')
            label = f"{name} {r[1]}"
            lx, ly, anchor = place(px, py, label, taken)
            out.append(f'<text x="{lx:.1f}" y="{ly:.1f}" text-anchor="{anchor}" fill="{colour}">{label}</text>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=2_000_000)
    parser.add_argument("--levels", default="1,2,3,4,5,6,7,8,9")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a model file")
    parser.add_argument("--svg", type=Path)
    parser.add_argument("data", nargs="?", type=Path, default=program.DEFAULT_DATA)
    options = parser.parse_args()
    raw = sample(options.data, options.bytes)
    rows = []
    print(f"{len(raw):,} bytes of text, {os.cpu_count()} cores.\n")
    print("| program | bytes | bits/byte | pack s | unpack s |")
    print("|---|---:|---:|---:|---:|")
    for row in measure(raw, options.levels.split(","), options.model):
        rows.append(row)
        name, level, size, packing, unpacking = row
        print(f"| {name} {level} | {size} | {8 * size / len(raw):.3f} | {packing:.2f} | {unpacking:.2f} |", flush=True)
    if options.svg:
        options.svg.write_text(svg(rows, len(raw)))


if __name__ == "__main__":
    main()
