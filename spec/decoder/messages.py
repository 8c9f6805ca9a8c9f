"""Streams and messages (FORMAT.md, chapter 13)."""

from bytesreader import Reader, crc
from codec import CODER, CODERS, MIX, NEURAL, RECORDS, STORED, Codec
from errors import Corrupt, Unsupported
from model import built_in, find_model, read_name

MAGIC = b"\x8dlz"
# The first byte of a message whose payload is stored.
STORED_MESSAGE = 0x83
# Mixer profile, table bits, model.
BUILT_IN = {1: (3, 24, "small"), 2: (3, 24, "nano"), 3: (2, 24, None), 4: (1, 24, None), 5: (5, 24, None)}
LAST, REST, NAMED, RESERVED = 0x10, 0x20, 0x40, 0x80


def begins(data):
    """Whether a stream or a message begins so."""
    return data.startswith(MAGIC) or is_message(data[:1])


def is_message(first):
    return first and (first[0] == STORED_MESSAGE or 0x90 <= first[0] <= 0xCF)


def decode(data, model_file=None):
    """The bytes of some streams, and of a message after them."""
    reader, out = Reader(data), b""
    while True:
        if is_message(data[reader.at:reader.at + 1]):
            out += message(reader)
        else:
            out += stream(reader, model_file)
        if not reader.left():
            return out


def message(reader):
    first = reader.integer(1)
    codec, named = profile(first & 15)
    return frame(reader, first >> 4 & 7, True, b"", codec, named)


def stream(reader, model_file):
    start = reader.at
    if reader.take(3) != MAGIC:
        raise Corrupt("not an llz stream, or bytes after its end")
    number = reader.integer(1)
    if number:
        codec, named = profile(number)
    else:
        length = reader.varint(9)
        if length > 64 << 10:
            raise Corrupt("parameters that are too long")
        block = Reader(reader.take(length))
        if crc(reader.data[start:reader.at]) != reader.integer(4):
            raise Corrupt("the parameters' checksum")
        fields = block.fields((0, 2), (0,))
        mixer, table_bits = fields[0].all(lambda field: field.take(2))
        named = 2 in fields
        model = find_model(read_name(fields[2]), model_file) if named else None
        codec = Codec(mixer, table_bits, model)
    out, last = b"", False
    while not last:
        head = reader.integer(1)
        kind, last, rest = head & 15, bool(head & LAST), bool(head & REST)
        if head & RESERVED or kind > RECORDS:
            raise Unsupported("a frame of an unknown kind")
        coder = CODER
        if head & NAMED:
            coder = reader.integer(1)
            if coder not in CODERS:
                raise Unsupported(f"coder {coder}")
            if coder == CODER or kind not in (MIX, NEURAL, RECORDS):
                raise Corrupt("a frame names a coder for nothing")
            if kind not in CODERS[coder]:
                raise Unsupported(f"coder {coder} for codec {kind}")
        if rest and not last:
            raise Corrupt("a frame without a length is not the last")
        before = out
        out = frame(reader, kind, rest, before, codec, named, coder)
        if len(out) == len(before) and (before or not last or kind != STORED):
            raise Corrupt("an empty frame inside a stream")
    return out


def profile(number):
    """The codec of a built-in profile, and whether it names a model."""
    if number not in BUILT_IN:
        raise Unsupported(f"built-in profile {number}")
    mixer, table_bits, name = BUILT_IN[number]
    return Codec(mixer, table_bits, built_in(name) if name else None), bool(name)


def frame(reader, kind, rest, before, codec, named, coder=CODER):
    """What comes after a frame's head; `before` and the bytes it holds."""
    raw_length = reader.varint(9)
    if raw_length >= 2**32 - 256:
        raise Corrupt("a frame too long for any writer")
    coded_length = None if rest else reader.varint(9)
    checksum = reader.integer(4)
    coded = reader.rest() if rest else reader.take(coded_length)
    if len(coded) > raw_length or kind == STORED and len(coded) != raw_length:
        raise Corrupt("a frame's lengths")
    if raw_length == 0 and kind != STORED:
        raise Corrupt("an empty frame that is not stored")
    if kind == NEURAL and not named:
        raise Corrupt("a neural frame in a stream without a model")
    out = before + codec.decode(kind, coded, raw_length, coder)
    if crc(out) != checksum:
        raise Corrupt("decoded bytes do not match their checksum")
    return out
