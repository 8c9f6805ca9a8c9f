#!/usr/bin/env python3
"""Round trips at scale: 100 MB of mixed data, and 20,000 small files.

  bench/scale.py [--level N] [--threads N] [--scale F] [DIR]     default DIR: ../shared/eval-public

The data is made from DIR's files and a seeded generator, so it is the same every time. Both sets are
packed, tested, unpacked and compared; sizes, speeds and peak memory are printed. --scale 0.1 makes a
tenth of it.
"""

import argparse
import filecmp
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import program

MEGABYTE = 1_000_000


def read_files(data: Path):
    return [(path, path.read_bytes()) for path in sorted(data.rglob("*")) if path.is_file()]


def shuffled_lines(files, rng: random.Random, size: int) -> bytes:
    """Text that is realistic but repeats no whole file: lines of all files in a new order."""
    lines = [line for _, raw in files for line in raw.splitlines(keepends=True)]
    out, length = [], 0
    while length < size:
        at = rng.randrange(len(lines))
        run = lines[at : at + rng.randrange(1, 20)]
        out.extend(run)
        length += sum(map(len, run))
    return b"".join(out)[:size]


def records(rng: random.Random, size: int) -> bytes:
    """Binary records of 16 bytes: a counter, a slow random walk, flags, zeros."""
    out, walk = bytearray(), 0
    for number in range(size // 16):
        walk += rng.randrange(-9, 10)
        out += number.to_bytes(4, "little") + (walk & 0xFFFFFFFF).to_bytes(4, "little")
        out += bytes([rng.randrange(4), 0, 0, 0, 0, 0, 0, 0])
    return bytes(out)


def make_mixed(files, target: Path, scale: float):
    rng = random.Random(20261121)
    target.mkdir()
    share = lambda megabytes: int(megabytes * MEGABYTE * scale)
    (target / "text.txt").write_bytes(shuffled_lines(files, rng, share(50)))
    (target / "random.bin").write_bytes(rng.randbytes(share(30)))
    (target / "records.bin").write_bytes(records(rng, share(10)))
    (target / "zeros.bin").write_bytes(bytes(share(10)))


def make_small(files, target: Path, scale: float):
    rng = random.Random(20000)
    for number in range(int(20_000 * scale)):
        source, raw = files[rng.randrange(len(files))]
        start = rng.randrange(max(1, len(raw) - 1))
        piece = raw[start : start + rng.randrange(0, 1500)]
        path = target / f"{number // 1000:02}" / f"{number % 1000 // 50:02}" / f"{number}{source.suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(piece)


def run(command, scratch: Path) -> tuple[float, int]:
    """Runs a command; returns seconds and peak memory in bytes. Ends the program if it fails.

    GNU time measures the memory: what the system reports about our own children includes this
    program, as it was when it forked.
    """
    notes = scratch / "time"
    measured = ["/usr/bin/time", "-f", "%M", "-o", notes, *command]
    start = time.monotonic()
    ran = subprocess.run(measured, cwd=scratch, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    if ran.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {ran.returncode}")
    return seconds, int(notes.read_text()) * 1024


def compare(left: Path, right: Path):
    names = sorted(p.relative_to(left) for p in left.rglob("*"))
    if names != sorted(p.relative_to(right) for p in right.rglob("*")):
        sys.exit(f"{right}: other names than {left}")
    for name in names:
        if (left / name).is_file() and not filecmp.cmp(left / name, right / name, shallow=False):
            sys.exit(f"{right / name} differs")
    return sum((left / name).stat().st_size for name in names if (left / name).is_file())


def round_trip(llz, options, folder: Path, scratch: Path):
    archive, back = scratch / f"{folder.name}.llz", scratch / "back"
    pack = [llz, "pack", "-q", *options.pack, "-o", archive, folder.name]
    packing, pack_memory = run(pack, scratch)
    info = min(run([llz, "info", archive], scratch)[0] for _ in range(5))
    testing, _ = run([llz, "test", "-q", *options.threads, archive], scratch)
    unpack = [llz, "unpack", "-q", *options.threads, "-C", back, archive]
    unpacking, unpack_memory = run(unpack, scratch)
    raw = compare(folder, back / folder.name)
    coded = archive.stat().st_size
    print(f"{folder.name}: {raw} -> {coded} bytes ({100 * coded / raw:.2f} %)")
    for what, seconds in (("pack", packing), ("test", testing), ("unpack", unpacking)):
        print(f"  {what:<6} {seconds:7.1f} s {raw / 1000 / seconds:10.0f} kB/s")
    print(f"  info   {1000 * info:7.1f} ms (best of 5)")
    print(f"  memory {pack_memory / MEGABYTE:.0f} MB packing, {unpack_memory / MEGABYTE:.0f} MB unpacking")
    shutil.rmtree(back)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="?", type=Path, default=program.DEFAULT_DATA)
    parser.add_argument("--level", default="1")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--scale", type=float, default=1.0)
    options = parser.parse_args()
    options.threads = ["-T", options.threads]
    options.pack = [*options.threads, "--level", options.level]

    llz = program.llz()
    files = read_files(options.data)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        make_mixed(files, scratch / "mixed", options.scale)
        round_trip(llz, options, scratch / "mixed", scratch)
        shutil.rmtree(scratch / "mixed")
        make_small(files, scratch / "small", options.scale)
        round_trip(llz, options, scratch / "small", scratch)


if __name__ == "__main__":
    main()
