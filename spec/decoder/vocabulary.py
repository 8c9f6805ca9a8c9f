"""Tokens in byte order, and the decisions that spell one (FORMAT.md, chapter 11)."""

import hashlib
import json
from bisect import bisect_left
from dataclasses import dataclass

from errors import ModelMissing

BIT, END = 0, 1


@dataclass
class Node:
    """One decision among the ranks lo..hi."""

    kind: int  # BIT or END
    partial: int  # BIT: a leading 1 and the bits known of the byte
    depth: int  # bytes of the token that are known
    lo: int
    mid: int
    hi: int
    children: list  # by answer: a Node, or a rank


class Vocabulary:
    def __init__(self, tokens):
        """From byte strings, sorted here. `order[rank]` is the place in `tokens`."""
        self.order = sorted(range(len(tokens)), key=lambda i: tokens[i])
        self.tokens = [tokens[i] for i in self.order]
        if not 256 <= len(tokens) <= 1 << 17 or len(set(tokens)) != len(tokens):
            raise ModelMissing("the vocabulary has too few, too many or repeated tokens")
        if any(not 1 <= len(t) <= 255 for t in tokens) or sum(len(t) == 1 for t in tokens) != 256:
            raise ModelMissing("a token is empty or too long, or a single byte is missing")
        hash = hashlib.sha256()
        for token in self.tokens:
            hash.update(bytes([len(token)]) + token)
        self.id = hash.digest()[:8]
        self.root = self.grow(0, len(tokens), 0, 1)

    def rank(self, token):
        return self.tokens.index(token)

    def grow(self, lo, hi, depth, partial):
        """The decisions among lo..hi, which share `depth` bytes and the bits of `partial`."""
        if hi - lo == 1:
            return lo
        if depth > 0 and partial == 1 and len(self.tokens[lo]) == depth:
            # Answer 1, "the token ends", is the lowest rank.
            above = self.grow(lo + 1, hi, depth, 1)
            return Node(END, 1, depth, lo, lo + 1, hi, [above, lo])
        # The bits known of the byte, then a one.
        threshold = ((partial << 1 | 1) << 8 - partial.bit_length()) & 255
        mid = bisect_left(range(hi), threshold, lo, hi, key=lambda i: self.tokens[i][depth])

        def next(bit):
            more = partial << 1 | bit
            return (depth + 1, 1) if more >= 256 else (depth, more)

        if mid == lo or mid == hi:
            return self.grow(lo, hi, *next(int(mid == lo)))
        children = [self.grow(lo, mid, *next(0)), self.grow(mid, hi, *next(1))]
        return Node(BIT, partial, depth, lo, mid, hi, children)


def of_bytes():
    """What codec mix speaks."""
    return Vocabulary([bytes([b]) for b in range(256)])


def byte_letters():
    """GPT-2's alphabet: the byte that each character of a token's text stands for."""
    letters, next = {}, 256
    for byte in range(256):
        if 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255:
            letters[chr(byte)] = byte
        else:
            letters[chr(next)] = byte
            next += 1
    return letters


def from_tokenizer(text):
    """The vocabulary of a tokenizer.json, in the order of its ids before sorting."""
    spec = json.loads(text)
    entries = dict(spec["model"]["vocab"])
    entries.update((t["content"], t["id"]) for t in spec.get("added_tokens") or [])
    letters, tokens = byte_letters(), [b""] * len(entries)
    try:
        for text, id in entries.items():
            tokens[id] = bytes(letters[c] for c in text)
    except (IndexError, KeyError) as e:
        raise ModelMissing(f"the tokenizer is not a dense byte-level one: {e}") from e
    return Vocabulary(tokens)
