"""Cuts the excerpts from which the mixer's priors are learned.

    python prior_sample.py ../../shared/corpus OUT_DIR

Writes 380 files of 2 to 60 KB (log-uniform), domains mixed by fixed counts, always the same ones.
Then, from the repository's root:

    cargo run --release -p llz-tools --bin train_prior -- collect small CACHE 100000 OUT_DIR/*
    cargo run --release -p llz-tools --bin train_prior -- train small CACHE PRIOR_DIR
    python train/add_prior.py models/small.safetensors PRIOR_DIR/small.prior

and likewise for `nano`. The priors of the contexts alone need no model:

    cargo run --release -p llz-tools --bin train_prior -- contexts models OUT_DIR/*
"""

import pathlib
import random
import subprocess
import sys

EXCERPTS = {"prose": 70, "code": 90, "structured": 90, "docs": 60, "multilingual": 30, "misc": 40}


def main(corpus: str, out: str) -> None:
    random.seed(7)
    excerpts = []
    for domain, count in EXCERPTS.items():
        shard = pathlib.Path(corpus) / f"{domain}.bin.zst"
        text = subprocess.run(["zstd", "-dc", "--long=27", shard], stdout=subprocess.PIPE, check=True)
        documents = text.stdout.split(b"\0")
        for _ in range(count):
            length = int(2000 * 30 ** random.random())
            at = random.randrange(len(documents))
            run = b""
            while len(run) < length:
                run += documents[at % len(documents)]
                at += 1
            start = random.randrange(max(1, len(run) - length + 1))
            excerpts.append((domain, run[start : start + length]))
    random.shuffle(excerpts)
    folder = pathlib.Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for number, (domain, excerpt) in enumerate(excerpts):
        (folder / f"{number:04d}-{domain}").write_bytes(excerpt)


if __name__ == "__main__":
    main(*sys.argv[1:])
