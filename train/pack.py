"""Tokenise the corpus once: one file of u16 token ids per domain, documents end to end.

No separator is stored: the coder sees files one after another with nothing in between, and the
model should learn to notice the seam by itself.  `pack.json` records what was packed.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import time
from pathlib import Path

from contamination import EvalNgrams
from corpus import DOMAINS, FILES, by_domain, documents
from tokens import Encoder


def pack(corpus: Path, tokenizer: Path, out: Path, limit: int | None, evaluation: Path | None) -> dict:
    out.mkdir(parents=True, exist_ok=True)
    enc = Encoder(tokenizer)
    guard = EvalNgrams(evaluation) if evaluation else None
    if guard:
        guard.survey(d for f in FILES for d in documents(corpus, f))
    stats = {d: {"documents": 0, "bytes": 0, "tokens": 0} for d in DOMAINS}
    sinks = {d: (out / f"{d}.u16").open("wb") for d in DOMAINS}
    t0 = time.time()

    def flush(batch: list[tuple[str, bytes]]) -> None:
        for (domain, doc), ids in zip(batch, enc.encode_many([d for _, d in batch])):
            sinks[domain].write(ids.tobytes())
            s = stats[domain]
            s["documents"] += 1
            s["bytes"] += len(doc)
            s["tokens"] += len(ids)

    for file in FILES:
        batch, size = [], 0
        for domain, doc in by_domain(corpus, file, limit):
            if guard and not guard.admit(doc):
                continue
            batch.append((domain, doc))
            size += len(doc)
            if size > 4_000_000:
                flush(batch)
                batch, size = [], 0
        flush(batch)
        print(f"{file}: {stats[file]}  {time.time() - t0:.0f} s", flush=True)
    for f in sinks.values():
        f.close()
    info = {
        "tokenizer_sha256": hashlib.sha256(tokenizer.read_bytes()).hexdigest(),
        "start_token": enc.start,
        "vocab_size": len(enc.bytes),
        "limit_bytes_per_file": limit,
        "domains": stats,
    }
    if guard:
        info["contamination"] = guard.verdict()  # raises when evaluation text is in the data
    (out / "pack.json").write_text(json.dumps(info, indent=1) + "\n")
    return info


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--corpus", type=Path, required=True)
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, help="evaluation texts: kept out of the packed data, or packing fails")
    ap.add_argument("--limit", type=int, help="bytes to take of each corpus file (default: all)")
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    pack(a.corpus, a.tokenizer, a.out, a.limit, a.eval)


if __name__ == "__main__":
    main()
