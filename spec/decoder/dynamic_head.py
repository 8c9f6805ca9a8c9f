"""Dynamic head: corrections of the model, learned as the chunk goes by (FORMAT.md, section 9.7)."""

import numpy as np

from cells import squash
from numeric import F, clamp, recip, rsqrt, strided_sum

MOST = 8192
RATES = F(0.5), F(4)  # of the slow correction and the fast


class DynamicHead:
    def __init__(self, tokens, width):
        self.places = min(tokens, MOST)
        self.weights = np.zeros((self.places, 2, width), F)
        self.counts = [0] * self.places

    def begin_token(self, hidden):
        """The model's hidden vector at a new token."""
        total = strided_sum(hidden * hidden)
        if F(1e-24) < total < F(1e24):
            self.hidden = hidden * rsqrt(total)
        else:
            self.hidden = np.zeros_like(hidden)

    def correct(self, decision, logit):
        """The corrections of the model's log odds at a decision, slow and fast."""
        self.place = decision % self.places
        self.logit = logit
        self.sums = strided_sum(self.weights[self.place] * self.hidden)
        return clamp(self.sums, -12, 12)

    def learn(self, target):
        """Learns the answer (0 or 1) to the decision last corrected."""
        count = self.counts[self.place]
        share = F(0.5) + F(64) * recip(F(64) + F(count))
        self.counts[self.place] = min(count + 1, 65535)
        for weights, total, rate in zip(self.weights[self.place], self.sums, RATES):
            error = (target - squash(self.logit + total)) * (rate * share)
            weights[:] = weights + error * self.hidden
