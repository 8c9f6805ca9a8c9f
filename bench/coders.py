#!/usr/bin/env python3
"""What each coder makes of the same tokens by the same model, beside the model's own entropy: a Markdown table.

  bench/coders.py [--level N] [--model FILE] [PATH…]     default: the prose of ../shared/eval-public

Each file is one chunk. The entropy is the sum of what `llz lab ranks` says of each token. Every archive is unpacked
and compared. LLZ=PROGRAM chooses the llz.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import program

CODERS = ["mix", "arith", "rans", "huffman", "rank-ans", "rank-brotli", "rank-zstd"]


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--level", type=int, default=6)
    parser.add_argument("--model", type=Path)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    asked = parser.parse_args()
    llz = program.llz()
    chosen = [f"-{asked.level}"] + (["--model", asked.model.resolve()] if asked.model else [])
    paths = asked.paths or sorted((program.DEFAULT_DATA / "prose").iterdir())
    raw = entropy = tokens = 0
    sizes = dict.fromkeys(CODERS, 0)
    for path in paths:
        text = path.read_bytes()
        cut = run(llz, "lab", "tokens", *chosen, input=text, stdout=subprocess.PIPE).stdout
        ranks = run(llz, "lab", "ranks", input=cut, stdout=subprocess.PIPE).stdout
        lines = [json.loads(line) for line in ranks.splitlines()[1:-1]]
        raw, tokens = raw + len(text), tokens + len(lines)
        entropy += sum(line["bits"] for line in lines) / 8
        with tempfile.TemporaryDirectory() as work:
            archive = Path(work) / "out.llz"
            for coder in CODERS:
                run(llz, "pack", "-q", "-f", *chosen, "--coder", coder, "--chunk-size", "64M", "--limit-memory", "4G",
                    "-o", archive, "-C", path.resolve().parent, path.name)
                info = json.loads(run(llz, "info", "--json", archive, stdout=subprocess.PIPE).stdout)
                [(name, chunks)] = info["chunks"].items()
                assert name in (coder, "neural") and chunks["chunks"] == 1, info["chunks"]
                sizes[coder] += chunks["coded_bytes"]
                run(llz, "unpack", "-q", "-f", "-C", work, archive)
                assert (Path(work) / path.name).read_bytes() == text, f"{coder}: {path} does not come back"
    print(f"{len(paths)} files, {raw:,} bytes, {tokens:,} tokens; the model's entropy is {entropy:,.1f} bytes\n")
    print("| coder | bytes | bits/byte | over the entropy |\n|---|---:|---:|---:|")
    for coder, size in sizes.items():
        print(f"| {coder} | {size} | {8 * size / raw:.4f} | {100 * (size / entropy - 1):+.3f} % |")


if __name__ == "__main__":
    main()
