"""The binary arithmetic decoder (FORMAT.md, chapter 10)."""

MASK = 0xFFFFFFFF


class Decoder:
    def __init__(self, coded):
        self.bytes = coded
        self.at = 0
        self.range = MASK
        self.code = 0
        for _ in range(4):
            self.code = self.code << 8 | self.next()

    def next(self):
        """The next coded byte; zero beyond the end."""
        if self.at == len(self.bytes):
            return 0
        self.at += 1
        return self.bytes[self.at - 1]

    def decode(self, p):
        """A bit that is one with probability p / 2^22."""
        bound = self.range * p >> 22
        bit = self.code < bound
        if bit:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        while self.range < 1 << 24:
            self.code = (self.code << 8 | self.next()) & MASK
            self.range = self.range << 8 & MASK
        return bit

    def finished(self):
        return self.at == len(self.bytes)
