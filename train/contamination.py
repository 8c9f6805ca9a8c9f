"""Is evaluation text in the training data?  By content: shared runs of nine words.

A word is a run of letters and digits in any case, so wrapping, punctuation and markup between words
hide nothing.  Nine words in a row are rarely chance, but some are nobody's: licence headers, tables
of numbers.  So a run that eight or more training documents share counts as boilerplate; a leaked
text is in one or two.

Two lines of defence.  `pack.py` drops every document that shares eight or more runs, boilerplate
aside (lock files that list the same packages, translations that keep the original's listings).  Then
`verdict` looks at what was kept and raises if too much of any evaluation file is in it; without its
blessing `train.py` does not start.  Alone, this module reports on a whole corpus:

    python contamination.py --corpus ../../shared/corpus --eval ../../shared/eval-public
"""
from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

WORDS = 9
BOILERPLATE = 8  # documents
DROP = 8         # shared runs
LIMIT = 0.03     # of an evaluation file's runs ...
ENOUGH = 64      # ... and at least so many of them, about a paragraph: a stub is all idiom

_BASE, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
# A byte's value inside a word (upper case folded, bytes above 127 kept), 0 between words.
_VALUE = np.array([b if chr(b).isalnum() or b > 127 else 0 for b in range(256)], np.uint64)
_VALUE[65:91] = _VALUE[97:123]


def _powers(n: int) -> tuple[np.ndarray, np.ndarray]:
    inverse = np.uint64(pow(int(_BASE), -1, 1 << 64))
    grow = lambda b: np.cumprod(np.concatenate([[np.uint64(1)], np.full(n, b)]))  # noqa: E731
    return grow(_BASE), grow(inverse)


def _mixed(h: np.ndarray) -> np.ndarray:
    h = (h ^ (h >> np.uint64(32))) * _MIX
    return h ^ (h >> np.uint64(29))


class _Hasher:
    """Hashes of all runs of nine words, without a Python loop over words (the corpus has 10^8)."""

    def __init__(self, longest: int = 1 << 16):
        self.up, self.down = _powers(longest)

    def __call__(self, text: bytes) -> np.ndarray:
        v = _VALUE[np.frombuffer(text, np.uint8)]
        inside = np.concatenate([[False], v != 0, [False]])
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        start, end = edges[::2], edges[1::2]
        if len(start) < WORDS:
            return np.empty(0, np.uint64)
        if len(v) >= len(self.up):
            self.up, self.down = _powers(2 * len(v))
        # A word's hash is a difference of prefix sums, moved back to position zero.
        total = np.concatenate([[np.uint64(0)], np.cumsum(v * self.up[:len(v)])])
        word = _mixed((total[end] - total[start]) * self.down[start])
        n = len(word) - WORDS + 1
        run = np.zeros(n, np.uint64)
        for i in range(WORDS):
            run = run * _BASE + word[i:i + n]
        return np.unique(_mixed(run))


class EvalNgrams:
    def __init__(self, root: Path):
        self.hash = _Hasher()
        self.files = {}
        for p in sorted(root.rglob("*")):
            if p.is_file() and p.parent != root and "binary" not in p.relative_to(root).parts:
                self.files[str(p.relative_to(root))] = self.hash(p.read_bytes())
        self.runs = np.unique(np.concatenate(list(self.files.values())))
        self.own = np.ones(len(self.runs), bool)  # not boilerplate, as far as we know
        self.seen = np.zeros(len(self.runs), bool)
        self.dropped: list[tuple[int, int, str]] = []  # (runs shared, bytes, how the document begins)
        # Nearly all lookups miss: one bit table answers those without a binary search.
        self.maybe = np.zeros(1 << 26, bool)
        self.maybe[self.runs & np.uint64((1 << 26) - 1)] = True

    def _find(self, doc: bytes) -> np.ndarray:
        """Indices of the evaluation runs that a document contains."""
        runs = self.hash(doc)
        runs = runs[self.maybe[runs & np.uint64((1 << 26) - 1)]]
        at = np.minimum(np.searchsorted(self.runs, runs), len(self.runs) - 1)
        return at[self.runs[at] == runs]

    def survey(self, documents: Iterable[bytes]) -> None:
        """Learn from all documents which runs are boilerplate."""
        counts = np.zeros(len(self.runs), np.int32)
        for doc in documents:
            counts[self._find(doc)] += 1
        self.own = counts < BOILERPLATE

    def admit(self, doc: bytes) -> bool:
        """Whether to train on a document; one that is admitted counts in the verdict."""
        at = self._find(doc)
        at = at[self.own[at]]
        if len(at) >= DROP:
            self.dropped.append((len(at), len(doc), doc[:60].decode("utf-8", "replace")))
            return False
        self.seen[at] = True
        return True

    def verdict(self) -> dict:
        """What remains; raises if that is more than quotations."""
        share = {f: float(self.seen[np.searchsorted(self.runs, h)].mean()) for f, h in self.files.items() if len(h)}
        judged = {f: round(share[f], 4) for f in sorted(share, key=share.get, reverse=True)
                  if share[f] * len(self.files[f]) >= ENOUGH}
        if bad := {f: s for f, s in judged.items() if s > LIMIT}:
            raise SystemExit(f"evaluation text is in the training data: {json.dumps(bad, indent=1)}")
        return {
            "evaluation_runs": len(self.runs),
            "share_seen": round(float(self.seen.mean()), 6),
            "largest_per_file": dict(list(judged.items())[:5]),
            "documents_dropped": len(self.dropped),
            "bytes_dropped": sum(n for _, n, _ in self.dropped),
        }


def main() -> None:
    from corpus import FILES, documents

    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--corpus", type=Path, required=True)
    ap.add_argument("--eval", type=Path, required=True)
    a = ap.parse_args()
    guard = EvalNgrams(a.eval)
    guard.survey(d for f in FILES for d in documents(a.corpus, f))
    for f in FILES:
        for d in documents(a.corpus, f):
            guard.admit(d)
    for shared, size, head in sorted(guard.dropped, reverse=True):
        print(f"dropped: {shared} runs shared, {size} bytes: {head!r}")
    print(json.dumps(guard.verdict(), indent=1))


if __name__ == "__main__":
    main()
