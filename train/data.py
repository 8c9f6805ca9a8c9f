"""Batches: windows of the packed domains, each seen once before any is seen twice.

Every domain is cut, once for each length of window, into windows of T+1 tokens at an offset that changes from epoch to epoch and
visited in a shuffled order; among the windows of one length the domains take turns so that their shares follow the weights
exactly, not just on average.  All of it is a function of the seed and of how many windows each domain
has given, so `state_dict` is a handful of numbers and a resumed run reads on where it stopped, with
other weights if it likes.

A pack may have beside it what the mixer makes of every decision (`odds.py`): then a window brings that too.
"""
from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from corpus import DOMAINS
from decisions import Decisions

STRIDE = 4096  # tokens
PAIR = np.uint16  # two int8, as one element: numpy spreads those seven times as fast


class Window(NamedTuple):
    """Tokens and the one after them, [n + 1]; and for each but the first what the mixer makes of the right answers on the
    way to it, [n, most, 2], where it has fewer decisions zero."""
    ids: Tensor
    odds: Tensor | None = None


class Domain:
    def __init__(self, path: Path, window: int, seed: int, decisions: Decisions | None = None):
        self.ids = np.memmap(path, np.uint16, "r")
        self.window, self.seed = window, seed
        self.given = 0
        self.per_epoch = (len(self.ids) - 1) // window - 1
        self._epoch = -1
        if self.per_epoch < 1:
            raise ValueError(f"{path}: shorter than two windows")
        self.decisions = decisions
        if decisions:
            odds = path.with_suffix(".odds")
            self.odds = np.memmap(odds, PAIR, "r")
            # Where every STRIDEth token's decisions begin.
            counts = [int(decisions.count[self.ids[at:at + STRIDE]].sum()) for at in range(0, len(self.ids), STRIDE)]
            self._begins = np.cumsum([0] + counts)
            if self._begins[-1] != len(self.odds):
                raise ValueError(f"{odds}: {len(self.odds)} decisions, not {self._begins[-1]}")

    def next(self) -> Window:
        epoch, i = divmod(self.given, self.per_epoch)
        if epoch != self._epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._epoch, self._order = epoch, rng.permutation(self.per_epoch)
            self._offset = int(rng.integers(self.window))
        self.given += 1
        at = self._offset + int(self._order[i]) * self.window
        ids = torch.from_numpy(self.ids[at:at + self.window + 1].astype(np.int64))
        return Window(ids, self._odds(at) if self.decisions else None)

    def _odds(self, at: int) -> Tensor:
        count, most = self.decisions.count, self.decisions.most
        stride = at // STRIDE
        begin = self._begins[stride] + count[self.ids[stride * STRIDE:at + 1]].sum()
        counts = count[self.ids[at + 1:at + self.window + 1]]
        odds = np.zeros((self.window, most), PAIR)
        odds[np.arange(most) < counts[:, None]] = self.odds[begin:begin + counts.sum()]
        return torch.from_numpy(odds.view(np.int8).reshape(self.window, most, 2))


class Batches:
    """Batches of one window of each of these lengths."""

    def __init__(self, pack: Path, weights: dict[str, float], windows: list[int], seed: int,
                 decisions: Decisions | None = None):
        total = sum(weights.values())
        self.weights = {d: w / total for d, w in weights.items() if w > 0}
        self.windows = windows
        self.domains = {f"{d} {n}": Domain(pack / f"{d}.u16", n, seed * 1000 + n + DOMAINS.index(d), decisions)
                        for d in self.weights for n in sorted(set(windows))}
        self.credit = dict.fromkeys(self.domains, 0.0)

    def next(self) -> list[Window]:
        batch = []
        for n in self.windows:
            # Each length has shares of its own: with common ones the largest domains took all long windows of a small batch.
            for d, w in self.weights.items():
                self.credit[f"{d} {n}"] += w
            furthest = max((f"{d} {n}" for d in self.weights), key=self.credit.get)  # behind its share
            self.credit[furthest] -= 1
            batch.append(self.domains[furthest].next())
        return batch

    def state_dict(self) -> dict:
        return {"credit": self.credit, "given": {d: s.given for d, s in self.domains.items()}}

    def load_state_dict(self, state: dict) -> None:
        for d in self.domains:
            self.domains[d].given = state["given"].get(d, 0)
        for d in self.credit:
            self.credit[d] = state["credit"].get(d, 0.0)

    def epochs(self) -> dict[str, float]:
        return {d: round(s.given / s.per_epoch, 2) for d, s in self.domains.items()}
