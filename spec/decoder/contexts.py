"""What of the past each context sees (FORMAT.md, chapter 9)."""

MASK = 0xFFFFFFFF
PRIME = 0x2F0B4C47
GOLDEN = 0x9E3779B1


def combine(hash, value):
    """Mixes a value into a hash."""
    h = ((hash ^ value) & MASK) * GOLDEN & MASK
    return h ^ h >> 15


class Past:
    """The bytes so far and what the contexts are computed from."""

    def __init__(self):
        self.bytes = bytearray()
        self.last = 0  # the last eight bytes
        self.word = self.word_before = self.word_before_that = 0
        self.word_length = self.word_first = 0
        self.after_one, self.after_two = [0] * 256, [0] * 65536
        self.key = self.line_word = self.fields = 0
        self.indent, self.in_indent = 0, False
        self.line = self.line_before = 0  # where this line and the one before begin
        self.first_before = 0
        self.expected = None  # the byte that the match expects, and its length's bucket

    def push(self, byte):
        self.bytes.append(byte)
        for after, seen in (self.after_one, self.last & 0xFF), (self.after_two, self.last & 0xFFFF):
            after[seen] = (after[seen] << 8 | byte) & 0xFFFF
        self.last = (self.last << 8 | byte) & 0xFFFFFFFFFFFFFFFF
        lower = byte + 32 if 65 <= byte <= 90 else byte
        if 48 <= lower <= 57 or 97 <= lower <= 122 or byte >= 128:
            self.word_length += 1
            if self.word_length == 1:
                self.word_first = lower
            self.word = ((self.word ^ lower) + 1 & MASK) * PRIME & MASK
        else:
            if byte in b":=>(":
                self.key = self.word or self.word_before
            if self.word != 0:
                if self.line_word == 0:
                    self.line_word = self.word
                self.word_before_that, self.word_before = self.word_before, self.word
                self.word = self.word_length = 0
            if byte in b',;\t|"<':
                self.fields += 1
        if byte == 10:
            self.first_before = self.bytes[self.line]
            self.line_before, self.line = self.line, len(self.bytes)
            self.line_word = self.fields = self.indent = 0
            self.in_indent = True
        elif self.in_indent:
            if byte in b" \t":
                self.indent += 1
            else:
                self.in_indent = False

    def above(self, right):
        """The byte `right` of the one above the next byte, in the line before."""
        at = self.line_before + (len(self.bytes) - self.line) + right
        return self.bytes[at] if at < self.line else 0

    def hash(self, index, context):
        """The hash of context number `index`, which is a name and a number."""
        name, n = context
        if name == "expected" and not self.expected:
            name, n = "order", 5
        last, byte = self.last, self.last & 0xFF
        if name == "order":
            values = [] if n == 0 else [last & (1 << 8 * min(n, 4)) - 1]
            if n > 4:
                values.append(last >> 32 & (1 << 8 * (n - 4)) - 1)
        elif name == "word":
            values = [self.word, byte]
        elif name == "word pair":
            values = [self.word, self.word_before, byte]
        elif name == "word triple":
            values = [self.word, self.word_before, self.word_before_that, byte]
        elif name == "skip word":
            values = [self.word_before, self.word_length << 8 | self.word_first]
        elif name == "column":
            values = [min(len(self.bytes) - self.line, 255) << 8 | self.above(0)]
        elif name == "above":
            values = [self.above(0) << 16 | self.above(1) << 8 | byte]
        elif name == "field":
            values = [self.line_word, self.fields << 8 | byte]
        elif name == "key":
            values = [self.key, self.word ^ byte]
        elif name == "indent":
            values = [self.word, min(self.indent, 255) << 8 | self.first_before]
        elif name == "expected":
            values = [self.expected[0] << 8 | self.expected[1]]
        elif name == "indirect":
            values = [self.after_one[last & 0xFF] if n == 1 else self.after_two[last & 0xFFFF], byte]
        hash = index * PRIME + 0x51ED270B & MASK
        if name == "expected":
            hash ^= MASK
        for value in values:
            hash = combine(hash, value & MASK)
        return hash
