"""The integers that everything outside of chunks is written in (FORMAT.md, chapter 2)."""

import zlib

from errors import Corrupt, Unsupported


class Reader:
    """A reading position in bytes."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n > self.left():
            raise Corrupt("bytes are missing")
        self.at += n
        return self.data[self.at - n:self.at]

    def left(self):
        return len(self.data) - self.at

    def rest(self):
        return self.take(self.left())

    def integer(self, size):
        return int.from_bytes(self.take(size), "little")

    def varint(self, digits=10):
        value = 0
        for i in range(digits):
            byte = self.integer(1)
            value |= (byte & 127) << 7 * i
            if byte < 128:
                if byte == 0 and i > 0:
                    raise Corrupt("an integer is not in its shortest form")
                if value >> 64:
                    break
                return value
        raise Corrupt("an integer is too large")

    def count(self, least):
        """A varint that counts items of at least `least` bytes each."""
        count = self.varint()
        if count * least > self.left():
            raise Corrupt("a count is larger than what follows")
        return count

    def zigzag(self):
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def fields(self, known, needed):
        """A list of fields: a reader for each of the known ones; the needed ones must be there."""
        found, last = {}, -1
        while self.left():
            number = self.varint()
            if number <= last:
                raise Corrupt("fields are not in ascending order")
            last = number
            data = self.take(self.count(1))
            if number in known:
                found[number] = Reader(data)
            elif number % 2 == 0:
                raise Unsupported(f"an unknown critical field {number}")
        if any(number not in found for number in needed):
            raise Corrupt("a field is missing")
        return found

    def all(self, read):
        """What `read` makes of this, if that is all there is."""
        value = read(self)
        self.finish()
        return value

    def name(self, length=None):
        """A string of `length` bytes, or of as many as a varint says."""
        data = self.take(self.count(1) if length is None else length)
        if not 1 <= len(data) <= 255:
            raise Corrupt("a name is empty or too long")
        try:
            return data.decode()
        except UnicodeDecodeError as e:
            raise Corrupt("a name is not UTF-8") from e

    def finish(self):
        if self.left():
            raise Corrupt("bytes are left over")


def crc(data, before=0):
    return zlib.crc32(data, before)
