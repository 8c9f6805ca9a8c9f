#!/usr/bin/env python3
"""Total size of short messages: llz against brotli and zstd, as a Markdown table.

  bench/messages.py [--per-folder N] [DIR]     default DIR: ../shared/eval-public

Cuts a message of 1 to 4 KB from every file of DIR that is long enough (with --per-folder N, from N files
of each folder only), always the same ones, codes each alone with
`llz filter` (whole output, framing included), the library's `encode`, `brotli -q 11` and `zstd -19`,
and decodes each again. LLZ=PROGRAM chooses the llz; `encode` is measured through
examples/message.rs, built beside it.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import program

SHORTEST, LONGEST = 1024, 4096


def cuts(data: Path, per_folder: int | None):
    """Yields (folder, message). Place and length come from the file's name alone."""
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size >= SHORTEST)
        wanted_files = min(per_folder or len(files), len(files))
        for number in range(wanted_files):
            path = files[number * len(files) // wanted_files]
            raw = path.read_bytes()
            seed = hashlib.sha256(f"{path.relative_to(data)}#{number}".encode()).digest()
            wanted = SHORTEST + int.from_bytes(seed[:4], "little") % (LONGEST - SHORTEST + 1)
            length = min(wanted, len(raw))
            start = int.from_bytes(seed[4:12], "little") % (len(raw) - length + 1)
            yield folder.name, raw[start : start + length]


def pipe(command, data: bytes) -> bytes:
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-folder", type=int)
    parser.add_argument("data", nargs="?", type=Path, default=program.DEFAULT_DATA)
    options = parser.parse_args()
    llz = program.llz("--example", "message")
    encode = llz.parent / "examples" / "message"
    coders = {
        "llz encode": ([encode], [encode, "-d"]),
        "llz filter": ([llz, "filter"], [llz, "filter", "-d"]),
        "brotli -q 11": (["brotli", "-q", "11", "-c"], ["brotli", "-d", "-c"]),
        "zstd -19": (["zstd", "-q", "-19", "-c"], ["zstd", "-q", "-d", "-c"]),
    }
    missing = [name for name, (command, _) in coders.items() if not shutil.which(command[0])]
    for name in missing:
        del coders[name]

    sums: dict[str, dict[str, int]] = {}
    for folder, message in cuts(options.data, options.per_folder):
        row = sums.setdefault(folder, dict.fromkeys(["messages", "raw", *coders], 0))
        row["messages"] += 1
        row["raw"] += len(message)
        for name, (coding, decoding) in coders.items():
            coded = pipe(coding, message)
            if pipe(decoding, coded) != message:
                sys.exit(f"{name}: a message from {folder} does not come back")
            row[name] += len(coded)

    columns = list(next(iter(sums.values())))

    def add_up(folders) -> dict[str, int]:
        return {column: sum(sums[folder][column] for folder in folders) for column in columns}

    total = add_up(sums)
    text = add_up([folder for folder in sums if folder != "binary"])
    print(f"| domain | {' | '.join(columns)} |")
    print(f"|---{'|---:' * len(columns)}|")
    for folder, row in sums.items():
        print(f"| {folder} | {' | '.join(str(row[column]) for column in columns)} |")
    for label, row in {"**all but binary**": text, "**all**": total}.items():
        print(f"| {label} | {' | '.join(f'**{row[column]}**' for column in columns)} |")
    print()
    for ours in ("llz encode", "llz filter"):
        for peer in ("brotli -q 11", "zstd -19"):
            if ours in coders and peer in coders:
                share, of_text = 100 * total[ours] / total[peer], 100 * text[ours] / text[peer]
                print(f"- {ours} takes {share:.1f} % of {peer}; without binary, {of_text:.1f} %.")
    if missing:
        print(f"\n**Not installed, so not measured: {', '.join(missing)}.**")


if __name__ == "__main__":
    main()
