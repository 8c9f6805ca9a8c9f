"""Confidence bypass: decisions that the model is sure of (FORMAT.md, section 9.8)."""

import numpy as np

from cells import cell, learn
from contexts import combine
from numeric import F, rsqrt, sigmoid

MATCHES = 33  # none, or its bucket and whether it agrees
STRENGTHS = 24
CELLS = 2 * MATCHES * STRENGTHS
LIMIT = 1000
FLOOR = 256
ALL = 1 << 22
STEPS = sigmoid(F(-4.25) - F(0.5) * np.arange(STRENGTHS).astype(F)) * F(65536)


class Bypass:
    def __init__(self):
        self.by_strength = [cell(int(p), 30) for p in STEPS] * (2 * MATCHES)
        self.by_bytes = [cell(162, 15)] * (16 << 12)

    def predict(self, kind, place, logit, expected, last):
        """The probability, of 2^22, that the answer is one, if it bypasses the mixer; `place` is the
        decision's half byte and slot, `last` are the last bytes."""
        self.strong = abs(logit) > 4
        if not self.strong:
            return None
        self.claim = logit > 0
        agreement = 0
        if expected:
            one, bucket = expected
            agreement = 1 + bucket if one == self.claim else 17 + bucket
        step = min(int((abs(logit) - F(4)) * F(2)), STRENGTHS - 1)
        half, slot = place
        self.strength = (kind * MATCHES + agreement) * STRENGTHS + step
        self.bytes = 16 * (combine(combine(0, last & 0xFFFFFF), half) >> 20) + slot
        square = (max(self.by_strength[self.strength] >> 10, FLOOR)
                  * max(self.by_bytes[self.bytes] >> 10, FLOOR))
        self.bypassed = square < 1 << 24
        if not self.bypassed:
            return None
        wrong = int(F(square) * rsqrt(F(square)))
        return ALL - wrong if self.claim else wrong

    def learn(self, one):
        """Learns the answer; says whether it bypassed the mixer."""
        if not self.strong:
            return False
        wrong = bool(one) != bool(self.claim)
        self.by_strength[self.strength] = learn(self.by_strength[self.strength], wrong, LIMIT)
        self.by_bytes[self.bytes] = learn(self.by_bytes[self.bytes], wrong, LIMIT)
        return self.bypassed
