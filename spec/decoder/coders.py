"""The coders of whole tokens (FORMAT.md, chapter 10.2 to 10.6).

Each has `token(frequencies, cumulative)`, which reads the next token, and `finished()`.
"""

from bisect import bisect_right
from heapq import heapify, heappop, heappush

import brotli
import numpy as np

from bytesreader import Reader
from errors import Corrupt

SLOTS = 1 << 31
LOW = 1 << 39


def by_rank(each):
    """All tokens, the likeliest first."""
    return np.argsort(-each, kind="stable")


class Arith:
    def __init__(self, coded):
        self.coded, self.at = coded, 0
        self.range, self.code = (1 << 64) - 1, 0
        for _ in range(8):
            self.code = self.code << 8 | self.next()

    def next(self):
        """The next coded byte; zero beyond the end."""
        if self.at == len(self.coded):
            return 0
        self.at += 1
        return self.coded[self.at - 1]

    def token(self, each, cumulative):
        step = self.range // int(cumulative[-1])
        place = self.code // step
        if place >= int(cumulative[-1]):
            raise Corrupt("a place beyond all tokens")
        token = int(np.searchsorted(cumulative, place, "right")) - 1
        self.code -= step * int(cumulative[token])
        self.range = step * int(each[token])
        while self.range < 1 << 56:
            self.code = self.code << 8 | self.next()
            self.range <<= 8
        return token

    def finished(self):
        return self.at == len(self.coded)


def slots(cumulative):
    """The first slot of each symbol, and the end."""
    cumulative = [int(c) for c in cumulative]
    total, symbols = cumulative[-1], len(cumulative) - 1
    shift = max(total.bit_length() - 32, 0)
    return [(c >> shift) * (SLOTS - symbols) // (total >> shift) + i for i, c in enumerate(cumulative)]


class States:
    """The two states of rANS and their bytes."""

    def __init__(self, coded):
        self.coded, self.at, self.turn = coded, 12, 0
        if len(coded) < 12:
            raise Corrupt("no room for two states")
        self.states = [int.from_bytes(coded[at:at + 6], "big") for at in (0, 6)]
        if not all(LOW <= state < LOW << 8 for state in self.states):
            raise Corrupt("a state out of range")

    def symbol(self, starts):
        """Reads the symbol whose slots begin at starts[symbol]."""
        state = self.states[self.turn]
        slot = state % SLOTS
        symbol = bisect_right(starts, slot) - 1
        state = (starts[symbol + 1] - starts[symbol]) * (state >> 31) + slot - starts[symbol]
        while state < LOW:
            if self.at == len(self.coded):
                raise Corrupt("a state without bytes to fill it")
            state = state << 8 | self.coded[self.at]
            self.at += 1
        self.states[self.turn] = state
        self.turn ^= 1
        return symbol

    def finished(self):
        return self.at == len(self.coded) and self.states == [LOW, LOW]


class Rans:
    def __init__(self, coded):
        self.states = States(coded)

    def token(self, _, cumulative):
        return self.states.symbol(slots(cumulative))

    def finished(self):
        return self.states.finished()


class Huffman:
    def __init__(self, coded):
        self.coded, self.at = coded, 0

    def bit(self):
        if self.at == 8 * len(self.coded):
            raise Corrupt("a code word that is cut short")
        bit = self.coded[self.at // 8] >> (7 - self.at % 8) & 1
        self.at += 1
        return bit

    def token(self, each, _):
        order = by_rank(each)
        lengths = code_lengths([int(f) for f in each[order]])
        word, length, next_word, next_length = self.bit(), 1, 0, lengths[0]
        for token, wanted in zip(order, lengths):
            next_word <<= wanted - next_length
            next_length = wanted
            while length < wanted:
                word, length = word << 1 | self.bit(), length + 1
            if word == next_word:
                return int(token)
            next_word += 1
        raise Corrupt("no such code word")

    def finished(self):
        last = self.coded[-1] if self.coded else 0
        filled = 8 * len(self.coded) - self.at
        return filled < 8 and last & (1 << filled) - 1 == 0


def code_lengths(weights):
    """The lengths of code words for falling weights, by a heap of (weight, joined, place in its queue, node)."""
    count = len(weights)
    heap = [(weight, False, count - rank, rank) for rank, weight in enumerate(weights)]
    heapify(heap)
    parent = [0] * (2 * count - 1)
    for made in range(count, 2 * count - 1):
        weight = 0
        for _ in range(2):
            least, _, _, node = heappop(heap)
            weight += least
            parent[node] = made
        heappush(heap, (weight, True, made, made))
    depth = [0] * (2 * count - 1)
    for node in range(2 * count - 3, -1, -1):
        depth[node] = depth[parent[node]] + 1
    return depth[:count]


class PackedRanks:
    """Ranks that `unpack(packed, length)` gives."""

    def __init__(self, coded, raw_length, unpack):
        reader = Reader(coded)
        length = reader.varint(9)
        if length > 3 * raw_length:
            raise Corrupt("more ranks than tokens")
        self.ranks = Reader(unpack(reader.rest(), length))

    def token(self, each, _):
        rank = self.ranks.varint(3)
        if rank >= len(each):
            raise Corrupt("a rank beyond the vocabulary")
        return int(by_rank(each)[rank])

    def finished(self):
        return not self.ranks.left()


def unbrotli(packed, length):
    try:
        ranks = brotli.decompress(bytes(packed))
    except brotli.error as e:
        raise Corrupt(f"a brotli stream does not decode: {e}") from e
    if len(ranks) != length:
        raise Corrupt("a brotli stream of another length")
    return ranks


class RankAns:
    DIRECT, SYMBOLS, MOST = 238, 256, 1 << 15

    def __init__(self, coded):
        self.states = States(coded)
        self.counts = [1 + 256 // (i + 1) for i in range(self.SYMBOLS)]

    def token(self, each, _):
        cumulative = [0]
        for count in self.counts:
            cumulative.append(cumulative[-1] + count)
        symbol = self.states.symbol(slots(cumulative))
        self.counts[symbol] += 32
        if sum(self.counts) > self.MOST:
            self.counts = [count - count // 2 for count in self.counts]
        rank, bits = symbol, symbol - self.DIRECT
        if bits >= 0:
            size = SLOTS >> bits
            lower = self.states.symbol(range(0, SLOTS + 1, size)) if bits else 0
            rank = (1 << bits) + lower + self.DIRECT - 1
        if rank >= len(each):
            raise Corrupt("a rank beyond the vocabulary")
        return int(by_rank(each)[rank])

    def finished(self):
        return self.states.finished()
