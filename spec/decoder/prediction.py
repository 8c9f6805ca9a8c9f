"""Predictions of numbers and the log odds of their bits, in binary64 (FORMAT.md, section 9.13)."""

import struct

import numpy as np

from numeric import F, clamp, exp, ln

TAPS = 24
PREDICTORS = 6
LONG, SHORT, BEFORE, ABOVE, PLANE, MEAN = range(PREDICTORS)
CHANNELS = 8
TAIL = [float(x) for x in ln(F(1) + exp(-np.arange(4096).astype(F) * F(1 / 256)))]
MOST = (1 << 64) - 1


def rsqrt(x):
    h = 0.5 * x
    pattern = struct.unpack("<Q", struct.pack("<d", x))[0]
    y = struct.unpack("<d", struct.pack("<Q", 0x5FE6EB50C7B537A9 - (pattern >> 1)))[0]
    for _ in range(4):
        y = y * (1.5 - h * (y * y))
    return y


def whole(x):
    """A number without its fraction, as an integer of 64 bits."""
    return min(int(x), MOST)


class LeastSquares:
    def __init__(self, taps, memory, period):
        self.n, self.keep, self.period, self.until = taps, 1.0 - 1.0 / memory, period, period
        self.products, self.targets = np.zeros((taps, taps)), np.zeros(taps)
        self.weights = [0.0] * taps

    def predict(self, neighbours):
        total = 0.0
        for weight, neighbour in zip(self.weights, neighbours):
            total = total + weight * neighbour
        return total

    def learn(self, neighbours, value):
        x = np.array(neighbours[:self.n])
        self.products = self.products * self.keep + np.outer(x, x)
        self.targets = self.targets * self.keep + x * value
        self.until -= 1
        if self.until == 0:
            self.until = self.period
            self.solve()

    def solve(self):
        n, a, y = self.n, self.products.copy(), self.targets.copy()
        inverse = []
        for j in range(n):
            pivot = float(a[j, j]) + (float(self.products[j, j]) * 2.0 ** -20 + 1.0)
            if not 0.0 < pivot < float.fromhex("0x1.fffffffffffffp1023"):
                return
            r = rsqrt(pivot)
            inverse.append(r)
            y[j] = y[j] * r
            column = a[j + 1:, j] * r
            a[j + 1:, j] = column
            y[j + 1:] = y[j + 1:] - column * y[j]
            a[j + 1:, j + 1:] = a[j + 1:, j + 1:] - np.outer(column, column)
        for j in reversed(range(n)):
            w = float(y[j]) * inverse[j]
            self.weights[j] = w
            y[:j] = y[:j] - a[j, :j] * w


class Channel:
    def __init__(self, taps):
        self.long = LeastSquares(taps, 1024.0, 4)
        self.short = LeastSquares(min(taps, 12), 32.0, 2)
        self.errors = [[16.0, 16.0] for _ in range(PREDICTORS)]


class Numbers:
    def __init__(self, width, sign, channels, row):
        self.width, self.channels, self.row = width, channels, row
        self.centre = 1 << 8 * width - 1
        self.centred = row == 0 and (sign == 1 or width == 1)
        self.taps = taps(channels, row)
        self.learned = [Channel(len(self.taps)) for _ in range(min(channels, CHANNELS))]
        self.most = (1 << 8 * width) - 1

    def number(self, past, distance):
        at = max(len(past) - distance * self.width, 0)
        return int.from_bytes(past[at:at + self.width], "big") if past else self.centre

    def learn(self, past):
        value = float(self.number(past, 1) - self.base)
        channel = self.learned[self.channel]
        for errors, prediction in zip(channel.errors, self.predictions):
            error = abs(value - prediction)
            errors[0] = errors[0] + (error - errors[0]) * (1 / 8)
            errors[1] = errors[1] + (error - errors[1]) * (1 / 128)
        channel.long.learn(self.neighbours, value)
        channel.short.learn(self.neighbours, value)

    def predict(self, past):
        index = len(past) // self.width
        in_row = index % self.row if self.row else index
        self.channel = min(in_row % self.channels, CHANNELS - 1)
        c = self.channels
        before = self.number(past, c)
        self.base = self.centre if self.centred else before
        from_base = lambda distance: float(self.number(past, distance) - self.base)
        w = from_base(c)
        if self.row:
            above = from_base(self.row)
            plane = (w + above) - from_base(self.row + c)
        else:
            ww, www = from_base(2 * c), from_base(3 * c)
            above, plane = (w + w) - ww, (w - ww) * 3.0 + www
        self.neighbours = [from_base(tap) for tap in self.taps]
        channel = self.learned[self.channel]
        bounded = lambda x: min(max(x, float(-self.base)), float(self.most - self.base))
        long = bounded(channel.long.predict(self.neighbours))
        short = bounded(channel.short.predict(self.neighbours))
        self.predictions = [long, short, w, bounded(above), bounded(plane), (long + short) * 0.5]
        self.sharpness = []
        for errors in channel.errors:
            r = rsqrt((errors[0] + errors[1]) * 0.36 + 0.1)
            self.sharpness.append(r * r)

    def narrow(self, prefix, at, partial):
        """Takes in the bits known of the number."""
        known = partial.bit_length() - 1
        left = 8 * (self.width - at) - known
        self.low = (prefix << known | partial ^ 1 << known) << left
        self.high = self.low | (1 << left) - 1

    def log_odds(self):
        low, high = float(self.low - self.base) - 0.5, float(self.high - self.base) + 0.5
        odds = [weigh((low - p) * s) - weigh((high - p) * s)
                for p, s in zip(self.predictions, self.sharpness)]
        return clamp(np.array(odds).astype(F), -12, 12)

    def level(self):
        """How many bits the spread of the first predictor is above the next bit."""
        a, b = self.learned[self.channel].errors[LONG]
        bits = whole((a + b) * 4.0 + 1.0).bit_length() - 1
        return min(max(bits + 8 - (self.high - self.low).bit_length(), 0), 15)

    def spread(self):
        a = self.learned[self.channel].errors[LONG][0]
        return whole((a + a) + 1.0).bit_length() - 1

    def expected(self, predictor):
        """The number that a predictor expects."""
        off = self.predictions[predictor]
        if off < 0.0:
            return max(self.base - whole(0.5 - off), 0)
        return min(self.base + whole(off + 0.5), self.most)


def weigh(x):
    x = abs(x)
    place = whole(x * 256.0)
    return x * 0.5 + (TAIL[place] if place < len(TAIL) else 0.0)


def taps(c, r):
    """Distances of the neighbours, in numbers."""
    if r == 0:
        if c == 1:
            return list(range(1, TAPS + 1))
        others = [d for d in range(1, 17) if d % c][:8]
        own = [i * c for i in range(1, 17)]
        return own[:8] + others[:4] + own[8:] + others[4:]
    found = [c, r, r - c, r + c, 2 * c, 2 * r]
    if c > 1:
        found += [1, c + 1, r + 1, 2, r + 2, c + 2, r + c + 1, r - c + 1]
    found += [r - 2 * c, r + 2 * c, 2 * r - c, 2 * r + c, 3 * c]
    found += [3 * r, 2 * r - 2 * c, 2 * r + 2 * c, r - 3 * c, r + 3 * c]
    return found[:TAPS]
