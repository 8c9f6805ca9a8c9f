"""Adaptive probabilities: 22 bits of probability above a 10-bit count (FORMAT.md, chapter 9)."""

import numpy as np

from numeric import F, HALF, bits, clamp, ln, sigmoid

RATES = [131072 // (2 * n + 3) for n in range(1024)]
EVEN = np.arange(4096)
STRETCH = ln((2 * EVEN + 1).astype(F)) - ln((8191 - 2 * EVEN).astype(F))
POINTS = 33
SQUASH = sigmoid(np.arange(1025).astype(F) * F(28 / 1024) - F(14))
LAST = bits(0x415FD70A)  # 13.99


def squash(x):
    """The logistic function by table, interpolated."""
    place = (min(max(x, -LAST), LAST) + F(14)) * F(1024 / 28)
    below = int(place)
    share = place - F(below)
    return SQUASH[below] + (SQUASH[below + 1] - SQUASH[below]) * share


def cell(p16, count):
    return p16 << 16 | count


def learn(cell, one, limit):
    """The cell after an answer."""
    p, count = cell >> 10, cell & 1023
    p += (((1 << 22) - 1 if one else 0) - p) * RATES[count] >> 16
    return p << 10 | (count + 1 if count < limit else count)


class Apm:
    """Probabilities at 33 stretched values in each of some contexts, interpolated."""

    LIMIT = 255

    def __init__(self, contexts):
        p = clamp(sigmoid((np.arange(POINTS).astype(F) - F(16)) * HALF) * F(65536), 0, 65535)
        self.cells = [cell(int(x), 6) for x in p] * contexts
        self.used = 0

    def refine(self, x, context):
        place = (min(max(x, -bits(0x40FFF7CF)), bits(0x40FFF7CF)) + F(8)) * F(2)
        below = int(place)
        share = place - F(below)
        at = context * POINTS + below
        self.used = at if share < HALF else at + 1
        a, b = F(self.cells[at] >> 16), F(self.cells[at + 1] >> 16)
        return ((a * (F(1) - share) + b * share) + HALF) * F(1 / 65536)

    def learn(self, one):
        self.cells[self.used] = learn(self.cells[self.used], one, self.LIMIT)
