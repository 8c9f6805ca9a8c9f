"""Records: segments of bytes and of numbers, and their contexts (FORMAT.md, sections 7.1 and 9.12)."""

from dataclasses import dataclass

from bytesreader import Reader
from contexts import MASK, PRIME, combine
from errors import Corrupt, Unsupported
from prediction import ABOVE, BEFORE, LONG, MEAN, PLANE, PREDICTORS, SHORT, Numbers

FARTHEST = 1 << 16
LEAST_NUMBERS = 256


@dataclass
class Segment:
    length: int
    width: int  # of a number; 0 in a segment of bytes
    little: bool
    sign: int
    first: int  # record or channels
    second: int  # other distance or row


def read_segments(reader, raw_length):
    segments, left = [], raw_length
    while left:
        length, kind = reader.varint(), reader.integer(1)
        first, second = reader.varint(), reader.varint()
        if max(first, second) >= 1 << 32:
            raise Corrupt("a distance of more than 32 bits")
        width, little, sign = kind & 15, bool(kind & 16), kind >> 5
        if kind and not (1 <= width <= 8 and sign <= 2):
            raise Unsupported(f"layout {kind}")
        if kind == 0:
            good = max(first, second) <= FARTHEST and length
        else:
            good = (first and max(first, second) * width <= FARTHEST and length >= LEAST_NUMBERS
                    and length % width == 0 and (not second or second // 4 > first))
        if not good or length > left:
            raise Corrupt("a layout that is out of bounds")
        left -= length
        segments.append(Segment(length, width, little, sign, first, second))
    return segments


def in_file_order(data, segments):
    """The bytes of a chunk from those that are coded."""
    out, at = bytearray(), 0
    for s in segments:
        part = bytearray(data[at:at + s.length])
        at += s.length
        for i in range(0, s.length, s.width) if s.width else ():
            number = bytearray(part[i:i + s.width])
            if s.sign == 1:
                number[0] ^= 0x80
            elif s.sign == 2:
                if number[0] >= 0x80:
                    number[0] ^= 0x80
                else:
                    number = bytearray(b ^ 0xFF for b in number)
            part[i:i + s.width] = number[::-1] if s.little else number
        out += part
    return bytes(out)


class Records:
    def __init__(self, segments):
        self.segments, self.number, self.begin, self.end = segments, 0, 0, 0
        self.enter(b"")

    def enter(self, past):
        if self.number >= len(self.segments):
            return
        self.segment = self.segments[self.number]
        self.begin, self.end = self.end, self.end + self.segment.length
        self.at = self.prefix = 0
        self.numbers = None
        if self.segment.width:
            s = self.segment
            self.numbers = Numbers(s.width, s.sign, s.first, s.second)
            self.numbers.predict(b"")

    def push(self, past):
        if len(past) == self.end:
            self.number += 1
            self.enter(past)
        elif self.numbers:
            self.at += 1
            self.prefix = (self.prefix << 8 | past[-1]) & 0xFFFFFFFFFFFFFFFF
            if self.at == self.segment.width:
                self.at = self.prefix = 0
                self.numbers.learn(past[self.begin:])
                self.numbers.predict(past[self.begin:])

    def kind(self):
        return int(self.numbers is not None)

    def log_odds(self, partial):
        if not self.numbers:
            return [0] * PREDICTORS
        self.numbers.narrow(self.prefix, self.at, partial)
        return self.numbers.log_odds()

    def select(self, selector, past, partial):
        known = partial.bit_length() - 1
        if selector == "bits":
            return partial + 256 * self.kind()
        if selector == "near":
            return 256 + (self.expect(MEAN) & 255) if self.numbers else past.last & 255
        if selector == "place":
            if self.numbers:
                return 256 + 64 * min(self.numbers.channel, 3) + 8 * self.at + known
            record = self.segment.first
            return min((len(past.bytes) - self.begin) % record, 255) if record > 1 else known
        return 16 + self.numbers.level() if self.numbers else known

    def expect(self, predictor):
        """The byte that a predictor expects; 256 or 511 where the bytes before are above or below."""
        expected = self.numbers.expected(predictor) >> 8 * (self.segment.width - self.at - 1)
        if expected >> 8 == self.prefix:
            return expected & 255
        return 256 if expected >> 8 < self.prefix else 511

    def hashes(self, past):
        values = self.of_numbers(past) if self.numbers else self.of_bytes(past)
        hashes = []
        for i, value in enumerate(values):
            start = (i + 32 * self.kind()) * PRIME + 0x51ED270B & MASK
            hashes.append(combine(combine(start, value & MASK), value >> 32 & MASK))
        return hashes

    def back(self, past, distance):
        at = len(past.bytes) - distance
        return past.bytes[at] if at >= self.begin else 0

    def of_bytes(self, past):
        r = self.segment.first or 4
        other = self.segment.second or 2 * r
        column = (len(past.bytes) - self.begin) % r
        last, back = past.last, lambda n: self.back(past, n)
        order = lambda n: last & (1 << 8 * n) - 1
        above, above2, left, right = back(r), back(2 * r), back(r + 1), back(r - 1)
        gradient = above + order(1) - left & 255
        place = column << 32
        return [
            order(1), order(2), order(3), order(4), order(6), column << 8 | above,
            past.word << 8 | order(1), last >> 8 & 0xFF, last >> 8 & 0xFFFF, last & 0xFF00FF,
            last >> 16 & 0xFFFF, last & 0xFF0000FF, last >> 24 & 0xFF | last >> 56 << 8,
            place | above << 8 | above2, above << 8 | order(1) | above2 << 16,
            place | above << 8 | order(1), place | order(1), place | order(2),
            back(other) << 8 | order(1), above << 16 | left << 8 | right | above2 << 24,
            past.after_one[order(1)] << 8 | order(1), past.after_two[order(2)] << 8 | order(1),
            self.expected(past), place | gradient << 8 | above]

    def expected(self, past):
        if past.expected:
            return 1 << 63 | past.expected[0] << 8 | past.expected[1]
        return past.last & 0xFFFFFFFFFF

    def of_numbers(self, past):
        s = self.segment
        stride = s.width * s.first
        row = s.width * s.second or 2 * stride
        last, back = past.last, lambda n: self.back(past, n)
        order = lambda n: last & (1 << 8 * n) - 1
        long, short, mean = self.expect(LONG), self.expect(SHORT), self.expect(MEAN)
        before, above, plane = self.expect(BEFORE), self.expect(ABOVE), self.expect(PLANE)
        place = self.at << 56 | self.numbers.channel << 48
        west, north = back(stride), back(row)
        column = (len(past.bytes) - self.begin) % row
        return [
            place | mean, place | long, place | long << 9 | short, place | plane, place | before,
            place | before << 9 | above, place | mean << 6 | self.numbers.spread(),
            place | above << 9 | long, place | self.prefix, place | (self.prefix << 8) & ALL | west,
            place | order(1), place ^ order(2), place ^ order(3), place ^ order(4), place ^ order(6),
            place | west, place | west << 8 | back(2 * stride), place | west << 8 | north,
            place | back(s.width) << 8 | west, place | plane << 9 | mean, place | column << 8,
            place ^ (column << 8 | west) << 8, self.expected(past),
            place | plane >> 2 << 27 | above >> 2 << 18 | before >> 2 << 9 | mean >> 2]


ALL = 0xFFFFFFFFFFFFFFFF
