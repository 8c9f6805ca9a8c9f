"""The mixer: the probability of each decision (FORMAT.md, chapter 9)."""

from dataclasses import dataclass

import numpy as np

from bypass import Bypass
from cells import STRETCH, Apm, cell, learn, squash
from contexts import GOLDEN, MASK, Past, combine
from histories import NEXT
from match import BUCKETS, Match
from numeric import F, bits, clamp, sigmoid, strided_sum
from prediction import PREDICTORS
from vocabulary import BIT

NODES = 272
LAST_WIDTH = 16
LAST_RATE = bits(0x3B03126F)  # 0.002
CELL_LIMIT = 400
HASHED_BITS = 12
SIZES = {"node": 272, "match": 64, "last": 512, "seen": 256, "age": 64, "known": 256,
         "bits": 512, "near": 512, "place": 512, "level": 32}
ZERO, ONE = F(0), F(1)
# The inputs of a probability in 12 bits; entry 4096 is for a context that saw nothing.
ODDS = np.append(STRETCH, ZERO)
LINEAR = np.append((np.arange(4096).astype(F) - F(2047.5)) * F(1 / 1024), ZERO)


@dataclass(frozen=True)
class Profile:
    id: int
    contexts: tuple
    selectors: tuple
    linear_inputs: bool = True  # whether each context has a second input
    without_model: object = None  # with a model: the profile of chunks without it
    records: bool = False  # whether it is for records, whose contexts are their own
    first_rate: np.float32 = bits(0x3C75C28F)  # 0.015
    last_rate: np.float32 = bits(0x3BC49BA6)  # 0.006

    def width(self):
        """Inputs of the network, padded."""
        own = PREDICTORS if self.records else 4 if self.without_model else 0
        return -(-(self.fixed() + 3 + own) // 16) * 16

    def fixed(self):
        """The first input that is not of a context."""
        return len(self.contexts) * (2 if self.linear_inputs else 1)

    def sets(self):
        """Weight sets of the first layer."""
        return sum(SIZES[s] for s in self.selectors)


def order(*numbers):
    return tuple(("order", n) for n in numbers)


FULL = Profile(
    id=1,
    contexts=order(1, 2, 3, 4, 6) + (("word", 0), ("word pair", 0)) + order(0, 8) + (
        ("column", 0), ("above", 0), ("field", 0), ("key", 0), ("indent", 0), ("indirect", 1),
        ("indirect", 2), ("skip word", 0), ("word triple", 0)) + order(5, 7),
    selectors=("node", "match", "last", "seen", "age", "known"))
FAST = Profile(
    id=2,
    contexts=order(1, 2, 3, 4, 6) + (("word", 0),), selectors=("match",))
MEDIUM = Profile(
    id=5,
    contexts=order(1, 2, 3, 4, 6) + (
        ("word", 0), ("field", 0), ("above", 0), ("key", 0), ("skip word", 0), ("indirect", 1), ("word pair", 0)),
    selectors=("match", "last", "known"))
NEURAL = Profile(
    id=3,
    contexts=order(1, 2, 3, 4) + (("word", 0),) + order(8) + (("expected", 0),) + order(0) + (
        ("column", 0), ("above", 0), ("field", 0), ("key", 0), ("indirect", 1), ("indirect", 2),
        ("skip word", 0)),
    selectors=("node", "match", "last", "known"), linear_inputs=False, without_model=FULL)
RECORDS = Profile(
    id=4,
    contexts=(("record", 0),) * 24,
    selectors=("bits", "match", "near", "known", "place", "level"), records=True,
    last_rate=bits(0x3BA3D70A))  # 0.005
PROFILES = {p.id: p for p in (FULL, FAST, NEURAL, MEDIUM)}


class Table:
    """Histories of the decisions of a half byte, in hashed buckets of 16 bytes."""

    def __init__(self, bits):
        self.bytes = bytearray(1 << bits)
        self.mask = (1 << bits - 4) - 1

    def find(self, hash):
        """The offset of a context's bucket, emptied if it belonged to another."""
        check = max(hash >> 24, 1)
        home = (hash * GOLDEN & MASK) >> 3 & self.mask
        least, fewest = home, 255
        for candidate in (home, home ^ 1, home ^ 2):
            at = 16 * candidate
            if self.bytes[at] == check:
                return at
            seen = min(self.bytes[at + 1] + 1, 255) if self.bytes[at] else 0
            if seen < fewest:
                least, fewest = candidate, seen
        at = 16 * least
        self.bytes[at:at + 16] = bytes([check]) + bytes(15)
        return at


def half_byte(partial):
    """The half byte that a bit belongs to, and its place among the decisions of that."""
    known = partial.bit_length() - 1
    if known < 4:
        return 0, partial
    low = known - 4
    return partial >> low, partial & (1 << low) - 1 | 1 << low


class Mixer:
    def __init__(self, profile, prior, raw_length, table_bits, dynamic_head=None, records=None):
        self.profile, self.dynamic_head, self.records = profile, dynamic_head, records
        size = min(max((32 * max(raw_length, 1) - 1).bit_length(), 16), table_bits)
        self.past = Past()
        self.match = Match(min(size, 22) - 4)
        self.table = Table(size)
        self.ends = bytearray(1 << size - 4)
        n = len(profile.contexts)
        self.cells = [[[cell(32768, 0)] * 256 for _ in range(n)] for _ in range(2)]
        self.weights = np.zeros((profile.sets(), profile.width()), F)
        self.last_weights = np.zeros((NODES, LAST_WIDTH), F)
        self.by_node = Apm(NODES)
        self.by_order = Apm(1 << HASHED_BITS)
        self.bypass = Bypass() if profile.without_model else None
        self.rate = profile.first_rate
        self.outputs = np.zeros(LAST_WIDTH, F)
        prior(self)
        self.rehash()

    def push(self, byte):
        """A byte is known."""
        self.past.push(byte)
        if self.records:
            self.records.push(self.past.bytes)
        self.match.push(self.past.bytes)
        self.past.expected = self.match.expect_byte(self.past.bytes)
        self.rate = self.rate + (self.profile.last_rate - self.rate) * F(1 / 4096)
        self.rehash()

    def end_token(self):
        """A token ended after the last byte."""
        self.match.ends[-1] = True

    def rehash(self):
        if self.records:
            self.hashes = self.records.hashes(self.past)
        else:
            self.hashes = [self.past.hash(i, c) for i, c in enumerate(self.profile.contexts)]
        self.half = None

    def seek(self, node):
        """Finds where the contexts' histories for this decision lie."""
        if node.kind == BIT:
            self.kind = self.records.kind() if self.records else 0
            self.store = self.table.bytes
            half, slot = half_byte(node.partial)
            if half != self.half:
                self.half = half
                salt = half * 0x3D4D51CB & MASK
                self.buckets = [self.table.find(combine(h, salt)) for h in self.hashes]
            self.places = [b + slot for b in self.buckets]
        else:
            self.kind, self.store = 1, self.ends
            self.half = None
            mask = len(self.ends) - 1
            self.places = [combine(h, node.depth + 77) & mask for h in self.hashes]

    def predict(self, node, logit):
        """The probability, of 2^22, that the answer is one."""
        if node.kind == BIT:
            self.expected = self.match.expect_bit(self.past.bytes, node.partial)
        else:
            self.expected = self.match.expect_end()
        if self.bypass:
            kind, place = (0, half_byte(node.partial)) if node.kind == BIT else (1, (0, 0))
            p = self.bypass.predict(kind, place, logit, self.expected, self.past.last)
            if p is not None:
                return p
        self.seek(node)
        n, kind = len(self.profile.contexts), self.kind
        self.states = [self.store[at] for at in self.places]
        p12 = [c[s] >> 20 if s else 4096 for c, s in zip(self.cells[kind], self.states)]
        known = sum(1 << i for i, s in enumerate(self.states) if s)
        trust = side = ZERO
        if self.expected:
            one, bucket = self.expected
            trust = STRETCH[self.match.cells[kind * BUCKETS + bucket] >> 20]
            trust, side = (trust, ONE) if one else (-trust, -ONE)
        self.inputs = np.zeros(self.profile.width(), F)
        self.inputs[:n] = ODDS[p12]
        if self.profile.linear_inputs:
            self.inputs[n:2 * n] = LINEAR[p12]
        fixed = self.profile.fixed()
        self.inputs[fixed:fixed + 3] = trust, side, bits(0x3ECCCCCD)  # 0.4
        if self.dynamic_head:
            logit = clamp(logit, -12, 12)
            slow, fast = self.dynamic_head.correct(node.mid, logit)
            logit = clamp(logit + (slow + fast) * F(0.5), -12, 12)
            self.inputs[fixed + 3:fixed + 7] = logit, clamp(logit, -2, 2), slow, fast

        if self.records:
            self.inputs[fixed + 3:fixed + 3 + PREDICTORS] = self.records.log_odds(node.partial)

        self.node = node.partial if node.kind == BIT else 256 + min(node.depth, 15)
        self.sets = self.select(known)
        sums = strided_sum(self.weights[self.sets] * self.inputs)
        if len(self.sets) == 1:  # no last layer, and no APM stage by order
            x = min(max(sums[0], F(-14)), F(14))
            self.mixed = squash(x)
            self.probabilities = np.array([self.mixed], F)
            p = (self.mixed + self.by_node.refine(x, self.node)) * F(0.5)
            return min(max(int(p * F(1 << 22)), 4), (1 << 22) - 4)
        self.probabilities = sigmoid(sums)
        self.outputs[:len(self.sets)] = clamp(sums, -14, 14)
        x = strided_sum(self.last_weights[self.node] * self.outputs)
        x = min(max(x, F(-14)), F(14))
        self.mixed = squash(x)
        a = self.by_node.refine(x, self.node)
        b = self.by_order.refine(x, combine(self.hashes[1], self.node) >> 32 - HASHED_BITS)
        p = ((self.mixed + self.mixed) + (a + b)) * F(0.25)
        return min(max(int(p * F(1 << 22)), 4), (1 << 22) - 4)

    def select(self, known):
        """The weight set that each selector chooses."""
        sets, base, kind = [], 0, self.kind
        expected = 1 + 16 * self.expected[0] + self.expected[1] if self.expected else 0
        for selector in self.profile.selectors:
            if selector == "node":
                choice = self.node
            elif selector == "match":
                choice = min(expected, 31) + 32 * kind
            elif selector == "last":
                choice = (self.past.last & 0xFF) + 256 * kind
            elif selector == "seen":
                choice = 60 + (known >> 2 & 7).bit_count() + 128 * kind
            elif selector == "age":
                choice = (len(self.past.bytes) + 1).bit_length() - 1 + 32 * kind
            elif selector == "known":
                choice = 2 * (known >> 1 & 63) + (expected > 0) + 128 * kind
            else:
                choice = self.records.select(selector, self.past, self.node)
            sets.append(base + choice)
            base += SIZES[selector]
        return sets

    def learn(self, one):
        """Learns the answer to the decision last predicted."""
        if self.bypass and self.bypass.learn(one):
            return
        target = ONE if one else ZERO
        error = (target - self.probabilities) * self.rate
        self.weights[self.sets] = self.weights[self.sets] + error[:, None] * self.inputs
        if len(self.sets) > 1:
            error = (target - self.mixed) * LAST_RATE
            self.last_weights[self.node] = self.last_weights[self.node] + error * self.outputs
            self.by_order.learn(one)
        self.by_node.learn(one)
        if self.expected:
            self.match.learn(self.kind, self.expected, one)
        if self.dynamic_head:
            self.dynamic_head.learn(target)
        for cells, place, state in zip(self.cells[self.kind], self.places, self.states):
            cells[state] = learn(cells[state], one, CELL_LIMIT)
            self.store[place] = NEXT[state][one]
