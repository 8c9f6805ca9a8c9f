"""A token as binary decisions, as llz spells it (src/vocab/tree.rs).

Tokens in byte order are ranks. Every decision splits a range of ranks in two, and the answers that lead to a token are a
row of ranges, each within the one before, the last of them the token itself. A vocabulary of V tokens has V - 1 decisions.
"""
from __future__ import annotations

import bisect

import numpy as np


class Decisions:
    """For every token id: its rank, and the ranges that the right answers leave, all in one flat table."""

    def __init__(self, tokens: list[bytes]):
        order = sorted(range(len(tokens)), key=lambda i: tokens[i])
        self.order = np.array(order)  # rank -> id
        self.rank = np.argsort(self.order)  # id -> rank
        in_order = [tokens[i] for i in order]
        paths: list[list[tuple[int, int]]] = [[] for _ in order]

        def grow(lo: int, hi: int, path: list[tuple[int, int]], depth: int, partial: int) -> None:
            """The ranks lo to hi share `depth` bytes and the bits of `partial` after its leading one."""
            if hi - lo == 1:
                paths[lo] = path
            elif partial == 1 and len(in_order[lo]) == depth > 0:  # does it end here?
                paths[lo] = path + [(lo, lo + 1)]
                grow(lo + 1, hi, path + [(lo + 1, hi)], depth, 1)
            else:
                next_one = ((partial << 1 | 1) << 8 - partial.bit_length()) & 255
                mid = bisect.bisect_left(range(hi), next_one, lo, hi, key=lambda rank: in_order[rank][depth])
                for bit, (a, b) in enumerate(((lo, mid), (mid, hi))):
                    known = partial << 1 | bit
                    if a < b:
                        grow(a, b, path if b - a == hi - lo else path + [(a, b)], *((depth + 1, 1) if known > 255 else (depth, known)))

        grow(0, len(order), [], 0, 1)
        by_id = [paths[r] for r in self.rank]
        self.count = np.array([len(p) for p in by_id])  # of decisions, by id
        self.most = int(self.count.max())
        self.first = np.cumsum(self.count) - self.count
        self.lo = np.array([a for p in by_id for a, _ in p])
        self.hi = np.array([b for p in by_id for _, b in p])
