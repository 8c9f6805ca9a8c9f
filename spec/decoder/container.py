"""The archive, read in order (FORMAT.md, chapters 3, 4 and 6)."""

import hashlib
from dataclasses import dataclass

import paths
from bytesreader import Reader, crc
from codec import CODERS, MIX, NEURAL, RECORDS, Codec, unzstd
from errors import Corrupt, Unsupported
from model import find_model, read_name

MAGIC = b"\x89LLZ\r\n\x1a\n"
FILE, DIRECTORY, LINK, COPY = range(4)
MODELS = 255  # at most
KNOWN = (b"PARM", b"MODL", b"CHNK", b"REPS", b"ENTS", b"GONE", b"INDX")
TABLE_LIMIT = 64 << 20
SMALL = 4096
SECOND = 10 ** 9
LONGEST = {b"PARM": 4 << 10, b"MODL": 64 << 10}


@dataclass
class Entry:
    tag: int
    path: str
    mode: int = 0
    mtime: int = 0  # nanoseconds
    target: str = ""
    size: int = 0
    start: int = 0  # in the content stream
    check: bytes = b""  # SHA-256 of a large file, half a CRC-32 of a small one

    def is_small(self):
        return 0 < self.size < SMALL


class Archive:
    """Everything in an archive: `entries` and the `stream` of their content."""

    def __init__(self, data, model_file=None):
        self.model_file, self.codec, self.models = model_file, None, []
        self.files = {}  # of models, as they lie in the archive
        self.entries, self.owned, self.sections = [], 0, []
        self.groups = []  # the small files of each table, and their SHA-256
        # The content stream up to the last repeat, the raw stream, and how much of that is in the former.
        self.stream, self.raw, self.used = bytearray(), bytearray(), 0
        self.gone, self.earlier = set(), 0  # numbers of entries that are gone; entries of earlier generations
        self.reader = Reader(data)
        features = self.header()
        while self.generation(features):
            self.sections, self.earlier = [], len(self.entries)
        self.stream += self.raw[self.used:]
        tree = paths.Tree()
        there = [entry for number, entry in enumerate(self.entries) if number not in self.gone]
        for entry in there:
            tree.add(entry.path, entry.tag == LINK, entry.tag == DIRECTORY, entry.target)
        for entry in self.entries:
            if entry.tag in (FILE, COPY) and entry.size and self.check(entry) != entry.check:
                raise Corrupt(f"{entry.path} has another checksum")
        sha256 = lambda data: hashlib.sha256(data).digest()
        for entries, together in self.groups:
            if sha256(b"".join(sha256(self.content(entry)) for entry in entries)) != together:
                raise Corrupt("the small files of a table have another SHA-256")
        self.entries = there

    def generation(self, features):
        """Reads one; true if another follows."""
        while not self.section():
            pass
        self.footer(features)
        if self.owned != len(self.stream) + len(self.raw) - self.used:
            raise Corrupt("content belongs to no file")
        rest = self.reader.data[self.reader.at:]
        if rest and not unfinished(rest) and rest[:4] != b"PARM":
            raise Corrupt("something follows the archive")
        return rest and not unfinished(rest)

    def content(self, entry):
        return bytes(self.stream[entry.start:entry.start + entry.size])

    def check(self, entry):
        content = self.content(entry)
        if entry.is_small():
            return crc(content).to_bytes(4, "little")[:2]
        return hashlib.sha256(content).digest()

    def header(self):
        data = self.reader.take(24)
        reader = Reader(data)
        if reader.take(8) != MAGIC or crc(data[:20]) != int.from_bytes(data[20:], "little"):
            raise Corrupt("not an llz archive, or a damaged one")
        major, _minor, reserved = reader.integer(1), reader.integer(1), reader.integer(2)
        incompatible = reader.integer(4)
        if major != 1 or reserved or incompatible:
            raise Unsupported("a later version or unknown features")
        return incompatible

    def section(self):
        """Reads one; true after the index."""
        offset = self.reader.at
        head = self.reader.take(16)
        kind, reader = head[:4], Reader(head[4:])
        length, payload_crc, head_crc = (reader.integer(4) for _ in range(3))
        if crc(head[:12]) != head_crc:
            raise Corrupt("a section header's checksum")
        if not kind.isalpha():
            raise Corrupt("a section type is not four letters")
        if kind[:1].isupper() and kind not in KNOWN:
            raise Unsupported(f"section {kind.decode()}")
        payload = self.reader.take(length)
        if crc(payload) != payload_crc:
            raise Corrupt("a section's checksum")
        if (kind == b"PARM") != (not self.sections):
            raise Corrupt("section PARM is not the first, or not the only one")
        if length > LONGEST.get(kind, length):
            raise Corrupt("a section is longer than its type allows")
        chunk = None
        reader = Reader(payload)
        if kind == b"PARM":
            self.params(reader)
        elif kind == b"MODL":
            self.modl(reader)
        elif kind == b"mfil":
            number = reader.varint()
            if number >= len(self.models) or number in self.files:
                raise Corrupt("the file of a model that is not named before it, or a second one")
            self.files[number] = reader.rest()
        elif kind == b"CHNK":
            chunk = self.chunk(reader)
        elif kind == b"REPS":
            self.repeats(Reader(unpack_table(reader)))
        elif kind == b"ENTS":
            self.table(Reader(unpack_table(reader)))
        elif kind == b"GONE":
            self.take_away(Reader(unpack_table(reader)))
        elif kind == b"INDX":
            self.index(Reader(unpack_table(reader)))
            self.index_at, self.index_length = offset, 16 + length
            return True
        self.sections.append((kind, length, chunk))
        return False

    def params(self, reader):
        fields = reader.fields((0, 1, 2, 3, 4), (0, 2))
        self.chunk_size = fields[0].all(Reader.varint)
        profile, table_bits = fields[2].all(lambda field: field.take(2))
        self.reach = fields[4].all(Reader.varint) if 4 in fields else 0
        byte = lambda field: field.integer(1)
        for number in {1, 3} & fields.keys():  # level and grouping
            fields[number].all(byte)
        if not 1 <= self.chunk_size < (1 << 32) - 256:
            raise Corrupt("a chunk size of 0 or beyond what places in a chunk may be")
        self.codec = Codec(profile, table_bits)

    def modl(self, reader):
        if len(self.models) == MODELS:
            raise Corrupt("more models than there are numbers")
        self.models.append(read_name(reader))

    def chunk(self, reader):
        coding = read_coding(reader)
        length, raw_crc = reader.varint(), reader.integer(4)
        coded = reader.rest()
        if not 1 <= length <= self.chunk_size or len(coded) > length:
            raise Corrupt("a chunk's lengths")
        codec, coder, number = coding
        if codec == NEURAL:
            if number >= len(self.models):
                raise Corrupt("a neural chunk of a model that is not named before it")
            file = self.files.get(number)
            embedded = file and (lambda: unpack_table(Reader(file)))
            self.codec.model = find_model(self.models[number], self.model_file, embedded)
        raw = self.codec.decode(codec, coded, length, coder)
        if crc(raw) != raw_crc:
            raise Corrupt("a chunk decodes to other bytes")
        self.raw += raw
        return coding, length

    def repeats(self, reader):
        """Long repeats: content that stands earlier in the raw stream."""
        count = reader.count(3)
        skips, backs, lengths = ([reader.varint() for _ in range(count)] for _ in range(3))
        reader.finish()
        for skip, back, length in zip(skips, backs, lengths):
            place = self.used + skip
            if length == 0 or back and not length <= back <= min(place, self.reach):
                raise Corrupt("a repeat of bytes that are not there")
            if len(self.stream) + skip < self.owned:
                raise Corrupt("a repeat in a file that is complete")
            end = place if back else place + length  # of a gap
            if end > len(self.raw):
                raise Corrupt("a repeat whose place comes only later")
            self.stream += self.raw[self.used:place]
            if back:
                self.stream += self.raw[place - back:place - back + length]
            self.used = end

    def take_away(self, reader):
        """Paths of entries of earlier generations that are gone."""
        if not self.earlier:
            raise Corrupt("nothing is there yet that could be gone")
        path = b""
        for _ in range(reader.count(2)):
            path = next_path(reader, path)
            numbers = {n for n in range(self.earlier) if self.entries[n].path == text(path)} - self.gone
            if not numbers:
                raise Corrupt("a path is gone that was not there")
            self.gone |= numbers
        reader.finish()

    def table(self, reader):
        """The entries of one section, column by column."""
        tags = reader.take(reader.count(4))
        new, path = [], b""
        for tag in tags:
            if tag not in (FILE, DIRECTORY, LINK, COPY):
                raise Unsupported(f"an entry of kind {tag}")
            path = next_path(reader, path)
            new.append(Entry(tag, text(path)))
        plain = [e for e in new if e.tag != LINK]
        for entry in plain:
            entry.mode = reader.varint()
            if entry.mode > 0o777:
                raise Corrupt("permission bits beyond 0o777")
        read_times(reader, plain)
        for entry in new:
            if entry.tag == FILE:
                entry.size, entry.start = reader.varint(), self.owned
                self.owned += entry.size
        for entry in new:
            if entry.tag == LINK:
                entry.target = text(reader.take(reader.count(1)))
        for entry in new:
            if entry.tag == FILE and entry.size >= SMALL:
                entry.check = reader.take(32)
        small = [e for e in new if e.tag == FILE and e.is_small()]
        for entry in small:
            entry.check = reader.take(2)
        if small:
            self.groups.append((small, reader.take(32)))
        before = len(self.entries)
        self.entries += new
        for i, entry in enumerate(new, before):
            if entry.tag == COPY:
                back = reader.varint()
                if not 1 <= back <= i or self.entries[i - back].tag not in (FILE, COPY):
                    raise Corrupt("a copy of what is not an earlier file")
                original = self.entries[i - back]
                entry.size, entry.start = original.size, original.start
                entry.check = original.check
        reader.finish()
        if self.used > len(self.raw) or self.owned > len(self.stream) + len(self.raw) - self.used:
            raise Corrupt("a file's content comes only later")

    def index(self, reader):
        listed = []
        for _ in range(reader.count(5)):
            kind, length = reader.take(4), reader.varint()
            chunk = (read_coding(reader), reader.varint()) if kind == b"CHNK" else None
            listed.append((kind, length, chunk))
        reader.finish()
        if listed != self.sections:
            raise Corrupt("the index does not agree with the sections")

    def footer(self, features):
        data = self.reader.take(28)
        reader = Reader(data)
        offset, length, again = reader.integer(8), reader.integer(4), reader.integer(4)
        if reader.integer(4) != crc(data[:16]) or reader.take(8) != MAGIC[::-1] or \
                (offset, length, again) != (self.index_at, self.index_length, features):
            raise Corrupt("the footer does not fit")


def unfinished(rest):
    """Whether these bytes behind a footer are an update that was not finished (4.9)."""
    if len(rest) <= 16 and not any(rest) or b"PARM".startswith(rest):
        return True
    if rest[:4] != b"PARM":
        return False
    while len(rest) >= 16:
        if crc(rest[:12]) != int.from_bytes(rest[12:16], "little"):
            return not any(rest)
        kind, end = rest[:4], 16 + int.from_bytes(rest[4:8], "little")
        if end > len(rest):
            return True
        rest = rest[end:]
        if kind == b"INDX":
            return len(rest) < 28 or not any(rest)
    return True


def next_path(reader, path):
    """A path of a table, after the one before it."""
    shared = reader.varint()
    if shared > len(path):
        raise Corrupt("a path shares more than there is")
    path = path[:shared] + reader.take(reader.count(1))
    if not path:
        raise Corrupt("an empty path")
    return path


def read_times(reader, entries):
    """Seconds, and then the bytes of nanoseconds, all lowest ones first."""
    second = 0
    for entry in entries:
        second = (second + reader.zigzag() + (1 << 63)) % (1 << 64) - (1 << 63)
        entry.mtime = second
    flag, count = reader.integer(1), len(entries)
    if flag > 1:
        raise Unsupported(f"times of kind {flag}")
    columns = reader.take(4 * count) if flag else bytes(4 * count)
    for i, entry in enumerate(entries):
        fraction = int.from_bytes(columns[i::count], "little")
        if fraction >= SECOND:
            raise Corrupt("nanoseconds that make a second")
        entry.mtime = entry.mtime * SECOND + fraction
        if not -1 << 63 <= entry.mtime < 1 << 63:
            raise Corrupt("a time beyond 64 bits of nanoseconds")


def read_coding(reader):
    """Codec, coder and number of the model; None for what the codec does not have."""
    codec, coder, model = reader.integer(1), None, None
    if codec > RECORDS:
        raise Unsupported(f"codec {codec}")
    if codec in (MIX, NEURAL, RECORDS):
        coder = reader.integer(1)
        if codec not in CODERS.get(coder, ()):
            raise Unsupported(f"coder {coder} for codec {codec}")
    if codec == NEURAL:
        model = reader.varint()
        if model >= MODELS:
            raise Corrupt("a model number beyond any")
    return codec, coder, model


def unpack_table(reader):
    packing = reader.integer(1)
    if packing == 0:
        return reader.rest()
    if packing != 1:
        raise Unsupported(f"table packing {packing}")
    length = reader.varint()
    if length > TABLE_LIMIT:
        raise Unsupported("a table beyond this decoder's limit")
    return unzstd(reader.rest(), length)


def text(data):
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise Corrupt("a name is not UTF-8") from e
