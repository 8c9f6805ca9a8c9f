"""Message frames (FORMAT.md, chapter 13)."""

from bytesreader import Reader, crc
from codec import NEURAL, STORED, Codec
from errors import Corrupt, Unsupported
from model import built_in, check_model

MAGIC = b"\x8dlz"
# Mixer profile, table bits, model.
BUILT_IN = {4: (4, 24, None), 5: (3, 24, None), 8: (5, 24, "small"), 9: (5, 24, "nano")}
LAST, REST, RESERVED = 0x10, 0x20, 0xC0


def decode(data, model_file=None):
    """The bytes of one or more streams."""
    reader, out = Reader(data), b""
    while True:
        out += stream(reader, model_file)
        if not reader.left():
            return out


def stream(reader, model_file):
    start = reader.at
    if reader.take(3) != MAGIC:
        raise Corrupt("not an llz stream, or bytes after its end")
    number = reader.integer(1)
    model, named = None, False
    if number:
        if number not in BUILT_IN:
            raise Unsupported(f"built-in profile {number}")
        profile, table_bits, named = BUILT_IN[number]
        if named:
            model = built_in(named)
    else:
        block = Reader(reader.take(reader.integer(1)))
        if crc(reader.data[start:reader.at]) != reader.integer(4):
            raise Corrupt("the parameters' checksum")
        if block.left() not in (2, 51):
            raise Unsupported("parameters in a newer form")
        profile, table_bits = block.integer(1), block.integer(1)
        if block.left():
            named = True
            model = check_model(
                model_file, block.take(32), block.take(8), block.integer(1), block.integer(8))
    codec, out, last = Codec(profile, table_bits, model), b"", False
    while not last:
        head = reader.integer(1)
        kind, last, rest = head & 15, bool(head & LAST), bool(head & REST)
        if head & RESERVED or kind > NEURAL:
            raise Unsupported("a frame of an unknown kind")
        if rest and not last:
            raise Corrupt("a frame without a length is not the last")
        raw_length = reader.varint(9)
        coded_length = None if rest else reader.varint(9)
        checksum = reader.integer(4)
        coded = reader.rest() if rest else reader.take(coded_length)
        if len(coded) > raw_length or kind == STORED and len(coded) != raw_length:
            raise Corrupt("a frame's lengths")
        if raw_length == 0 and (out or not last or kind != STORED):
            raise Corrupt("an empty frame inside a stream")
        if kind == NEURAL and not named:
            raise Corrupt("a neural frame in a stream without a model")
        out += codec.decode(kind, coded, raw_length)
        if crc(out) != checksum:
            raise Corrupt("decoded bytes do not match their checksum")
    return out
