"""Chunks of every codec (FORMAT.md, chapter 7)."""

import numpy as np
import zstandard

import coders
import prior
import records
import vocabulary
from bytesreader import Reader
from coder import Decoder
from errors import Corrupt, ModelMissing, Unsupported
from mixer import PROFILES, RECORDS as BY_RECORDS, Mixer
from model import frequencies, log_odds
from numeric import F
from dynamic_head import DynamicHead

STORED, ZSTD, MIX, NEURAL, RECORDS = range(5)
CODER = 1  # binary decisions through the mixer
CODERS = {1: (MIX, NEURAL, RECORDS), 2: (NEURAL,), 3: (NEURAL,), 4: (NEURAL,), 5: (NEURAL,), 6: (NEURAL,), 7: (NEURAL,)}
BYTES = vocabulary.of_bytes()


class Codec:
    """Decodes chunks under one set of parameters."""

    def __init__(self, profile, table_bits, model=None):
        if profile not in PROFILES:
            raise Unsupported(f"mixer profile {profile}")
        if not 16 <= table_bits <= 28:
            raise Unsupported(f"a context table of 2^{table_bits} bytes")
        self.profile, self.table_bits, self.model = PROFILES[profile], table_bits, model

    def decode(self, codec, coded, raw_length, coder=CODER):
        if codec == STORED:
            raw = bytes(coded)
        elif codec == ZSTD:
            raw = unzstd(coded, raw_length)
        elif codec == MIX:
            raw = self.mix(coded, raw_length)
        elif codec == NEURAL:
            raw = self.neural(coded, raw_length, coder)
        elif codec == RECORDS:
            raw = self.records(coded, raw_length)
        else:
            raise Unsupported(f"codec {codec}")
        if len(raw) != raw_length:
            raise Corrupt("a chunk decodes to another length")
        return raw

    def mix(self, coded, raw_length):
        profile = self.profile.without_model or self.profile
        mixer = Mixer(profile, prior.built_in(profile), raw_length, self.table_bits)
        decoder = Decoder(coded)
        while len(mixer.past.bytes) < raw_length:
            spell(BYTES, mixer, decoder, lambda node: F(0))
        return finish(mixer, decoder)

    def records(self, coded, raw_length):
        reader = Reader(coded)
        segments = records.read_segments(reader, raw_length)
        start, known = prior.built_in(BY_RECORDS), records.Records(segments)
        mixer = Mixer(BY_RECORDS, start, raw_length, self.table_bits, records=known)
        decoder = Decoder(reader.rest())
        while len(mixer.past.bytes) < raw_length:
            spell(BYTES, mixer, decoder, lambda node: F(0))
        return records.in_file_order(finish(mixer, decoder), segments)

    def neural(self, coded, raw_length, coder):
        if self.model is None:
            raise ModelMissing("a neural chunk needs the model")
        if not self.profile.without_model:
            raise Corrupt("a neural chunk under a mixer profile without a model")
        if coder != CODER:
            return self.whole_tokens(coded, raw_length, coder)
        start = prior.of_model(self.profile, self.model)
        dynamic_head = DynamicHead(len(self.model.vocabulary.tokens), self.model.width)
        mixer = Mixer(self.profile, start, raw_length, self.table_bits, dynamic_head)
        decoder, state = Decoder(coded), self.model.new_state()
        token = self.model.vocabulary.rank(b"\n")
        while len(mixer.past.bytes) < raw_length:
            hidden, logits = self.model.step(state, token)
            cumulative = frequencies(logits)
            mixer.dynamic_head.begin_token(hidden)
            token = spell(self.model.vocabulary, mixer, decoder,
                          lambda node: log_odds(cumulative, node))
        return finish(mixer, decoder)


    def whole_tokens(self, coded, raw_length, coder):
        """A chunk of a coder that takes the whole distribution of each token."""
        decoder, state = token_decoder(coder, coded, raw_length), self.model.new_state()
        tokens, raw = self.model.vocabulary.tokens, b""
        token = self.model.vocabulary.rank(b"\n")
        while len(raw) < raw_length:
            cumulative = frequencies(self.model.step(state, token)[1])
            token = decoder.token(np.diff(cumulative), cumulative)
            raw += tokens[token]
        if not decoder.finished():
            raise Corrupt("a chunk has bytes to spare")
        return raw


def token_decoder(coder, coded, raw_length):
    if coder == 5:
        return coders.PackedRanks(coded, raw_length, unzstd)
    if coder == 6:
        return coders.PackedRanks(coded, raw_length, coders.unbrotli)
    return {2: coders.Arith, 3: coders.Rans, 4: coders.Huffman, 7: coders.RankAns}[coder](coded)


def finish(mixer, decoder):
    if not decoder.finished():
        raise Corrupt("a chunk has bytes to spare")
    return bytes(mixer.past.bytes)


def spell(vocabulary, mixer, decoder, logit):
    """Decodes one token, decision by decision, and returns its rank."""
    at, known = vocabulary.root, 0
    while True:
        leaf = isinstance(at, int)
        token = vocabulary.tokens[at if leaf else at.lo]
        depth = len(token) if leaf else at.depth
        for byte in token[known:depth]:
            mixer.push(byte)
        known = depth
        if leaf:
            mixer.end_token()
            return at
        one = decoder.decode(mixer.predict(at, logit(at)))
        mixer.learn(one)
        at = at.children[one]


def unzstd(coded, length):
    """One zstd frame that decompresses to exactly `length` bytes."""
    try:
        stream = zstandard.ZstdDecompressor().decompressobj()
        raw = b""
        for at in range(0, len(coded), 1024):  # in pieces: a small frame may ask for much
            if len(raw) > length or stream.eof:
                raise Corrupt("a zstd frame is longer than it should be")
            raw += stream.decompress(bytes(coded[at:at + 1024]))
    except zstandard.ZstdError as e:
        raise Corrupt(f"a zstd frame does not decode: {e}") from e
    if not stream.eof or stream.unused_data or len(raw) != length:
        raise Corrupt("a zstd frame does not decode to its length")
    return raw
