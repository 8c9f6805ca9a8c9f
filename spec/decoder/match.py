"""The match model: what followed the last time these bytes were seen (FORMAT.md, chapter 9)."""

from cells import cell, learn
from contexts import combine

LEAST = 6
LONGEST = 65535
BUCKETS = 16
LIMIT = 400


class Match:
    def __init__(self, bits):
        self.places = [0] * (1 << bits)
        self.at = self.length = 0
        self.ends = []  # whether a token ended after each byte
        self.cells = [cell(49152 + 900 * i, 8) for i in range(BUCKETS)] * 2

    def push(self, data):
        """The last byte of `data` is new."""
        self.ends.append(False)
        n = len(data)
        if self.length > 0 and data[self.at] == data[-1]:
            self.at += 1
            self.length = min(self.length + 1, LONGEST)
        else:
            self.length = 0
        if n < LEAST:
            return
        hash = 0
        for byte in data[n - LEAST:]:
            hash = combine(hash, byte + 1)
        slot = hash & len(self.places) - 1
        if self.length == 0 and self.places[slot] > 0:
            self.at = self.places[slot]
            while self.length < min(48, self.at) and \
                    data[self.at - 1 - self.length] == data[n - 1 - self.length]:
                self.length += 1
            if self.length < LEAST:
                self.length = 0
        self.places[slot] = n

    def expect_byte(self, data):
        """The byte expected next and the length's bucket."""
        return (data[self.at], self.bucket()) if self.length else None

    def bucket(self):
        n = self.length
        if n < 16:
            return n // 2
        if n < 32:
            return 8 + (n - 16) // 8
        return min(10 + (n // 32).bit_length() - 1, BUCKETS - 1)

    def expect_bit(self, data, partial):
        """The bit expected after the known bits of a byte; None if they disagree already."""
        if self.length == 0:
            return None
        byte, known = data[self.at] | 256, partial.bit_length() - 1
        if byte >> 8 - known != partial:
            return None
        return byte >> 7 - known & 1, self.bucket()

    def expect_end(self):
        return (int(self.ends[self.at - 1]), self.bucket()) if self.length else None

    def learn(self, kind, expected, one):
        at = kind * BUCKETS + expected[1]
        self.cells[at] = learn(self.cells[at], one == expected[0], LIMIT)
