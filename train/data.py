"""Batches: windows of the packed domains, each seen once before any is seen twice.

Every domain is cut, once for each length of window, into windows of T+1 tokens at an offset that changes from epoch to epoch and
visited in a shuffled order; the domains take turns so that their shares follow the weights
exactly, not just on average.  All of it is a function of the seed and of how many windows each domain
has given, so `state_dict` is a handful of numbers and a resumed run reads on where it stopped, with
other weights if it likes.

A pack may have a weight for each token beside it (`weigh.py`). In a batch they lie above the token: `split_weights`.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from corpus import DOMAINS


FULL = 15  # a weight of one
ABOVE = 16  # bits of a token


def split_weights(rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and their weights, from what `Batches` gives."""
    return rows & (1 << ABOVE) - 1, 1 - (rows >> ABOVE) / FULL


class Domain:
    def __init__(self, path: Path, window: int, seed: int):
        self.ids = np.memmap(path, np.uint16, "r")
        weights = path.with_suffix(".weight")
        self.weights = np.memmap(weights, np.uint8, "r") if weights.exists() else None
        self.window, self.seed = window, seed
        self.given = 0
        self.per_epoch = (len(self.ids) - 1) // window - 1
        self._epoch = -1
        if self.per_epoch < 1:
            raise ValueError(f"{path}: shorter than two windows")

    def next(self) -> np.ndarray:
        epoch, i = divmod(self.given, self.per_epoch)
        if epoch != self._epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._epoch, self._order = epoch, rng.permutation(self.per_epoch)
            self._offset = int(rng.integers(self.window))
        self.given += 1
        at = self._offset + int(self._order[i]) * self.window
        window = self.ids[at:at + self.window + 1].astype(np.int64)
        if self.weights is not None:
            # What is missing from a weight of one: a pack without weights needs nothing.
            window += FULL - self.weights[at:at + self.window + 1].astype(np.int64) << ABOVE
        return window


class Batches:
    """Batches of one window of each of these lengths."""

    def __init__(self, pack: Path, weights: dict[str, float], windows: list[int], seed: int):
        total = sum(weights.values())
        self.weights = {d: w / total for d, w in weights.items() if w > 0}
        self.windows = windows
        self.domains = {f"{d} {n}": Domain(pack / f"{d}.u16", n, seed * 1000 + n + DOMAINS.index(d))
                        for d in self.weights for n in sorted(set(windows))}
        self.credit = dict.fromkeys(self.weights, 0.0)

    def next(self) -> list[torch.Tensor]:
        """Each window's tokens and the one after them."""
        rows = []
        for n in self.windows:
            for d, w in self.weights.items():
                self.credit[d] += w * n
            d = max(self.credit, key=self.credit.get)  # the one furthest behind its share
            self.credit[d] -= n
            rows.append(torch.from_numpy(self.domains[f"{d} {n}"].next()))
        return rows

    def state_dict(self) -> dict:
        return {"credit": self.credit, "given": {d: s.given for d, s in self.domains.items()}}

    def load_state_dict(self, state: dict) -> None:
        for d in self.domains:
            self.domains[d].given = state["given"].get(d, 0)
        for d in self.credit:
            self.credit[d] = state["credit"].get(d, 0.0)

    def epochs(self) -> dict[str, float]:
        return {d: round(s.given / s.per_epoch, 2) for d, s in self.domains.items()}
