"""The tokenizer: training it, loading it, and encoding bytes that need not be UTF-8.

A byte-level BPE without special tokens.  Every single byte is a token, so any input can be coded;
invalid UTF-8 (which the `tokenizers` library cannot take) is coded byte by byte.
"""
from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

# Words keep their leading space, numbers are cut after 3 digits and punctuation after 4 signs (so that
# no token spans half a table row), and indentation belongs to its newline: all choices that keep the
# byte trie of the coder shallow and the tokens meaningful in code.
PATTERN = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]{1,4}|\r?\n[ \t]*|[ \t]+|\s+"


def train(texts, vocab_size: int) -> Tokenizer:
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tok.decoder = decoders.ByteLevel()
    tok.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),  # all 256 bytes, seen or not
        max_token_length=16,
        show_progress=False,
    ))
    return tok


def save(tok: Tokenizer, path: Path) -> None:
    path.write_text(json.dumps(json.loads(tok.to_str()), ensure_ascii=False, separators=(",", ":")))


def byte_chars() -> dict[str, int]:
    """GPT-2's map from the printable character that stands for a byte to the byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def token_bytes(tok: Tokenizer) -> list[bytes]:
    chars = byte_chars()
    out = [b""] * tok.get_vocab_size()
    for text, i in tok.get_vocab().items():
        out[i] = bytes(chars[c] for c in text)
    return out


class Encoder:
    """bytes -> token ids (u16), exact for any bytes."""

    def __init__(self, path: Path):
        self.tok = Tokenizer.from_file(str(path))
        self.bytes = token_bytes(self.tok)
        self.byte_id = {t[0]: i for i, t in enumerate(self.bytes) if len(t) == 1}
        assert len(self.byte_id) == 256, "the vocabulary must contain every byte"
        # What precedes the first token of a chunk, at training and at inference alike.
        self.start = self.byte_id[10]

    def encode(self, data: bytes) -> np.ndarray:
        out: list[np.ndarray] = []
        while data:
            try:
                text, bad = data.decode("utf-8"), 0
                data = b""
            except UnicodeDecodeError as e:
                text, bad = data[:e.start].decode("utf-8"), e.end - e.start
                tail = data[e.start:e.end]
                data = data[e.end:]
            out.append(np.array(self.tok.encode(text).ids, dtype=np.uint16))
            if bad:
                out.append(np.array([self.byte_id[b] for b in tail], dtype=np.uint16))
        return np.concatenate(out) if out else np.empty(0, np.uint16)

    def encode_many(self, docs: list[bytes]) -> list[np.ndarray]:
        """The same, for documents in bulk (the library uses all cores it is allowed)."""
        out: list[np.ndarray | None] = [None] * len(docs)
        good, texts = [], []
        for i, d in enumerate(docs):
            try:
                texts.append(d.decode("utf-8"))
                good.append(i)
            except UnicodeDecodeError:
                out[i] = self.encode(d)
        for i, e in zip(good, self.tok.encode_batch_fast(texts)):
            out[i] = np.array(e.ids, dtype=np.uint16)
        return out


def main() -> None:
    from corpus import FILES, by_domain

    ap = argparse.ArgumentParser(description="Train a byte-level BPE on the corpus.")
    ap.add_argument("--corpus", type=Path, required=True)
    ap.add_argument("--vocab", type=int, default=4096)
    ap.add_argument("--bytes-per-file", type=int, default=15_000_000)
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    texts = (d.decode("utf-8", "replace") for f in FILES
             for _, d in by_domain(a.corpus, f, a.bytes_per_file))
    tok = train(texts, a.vocab)
    save(tok, a.out)
    print(f"{tok.get_vocab_size()} tokens -> {a.out}")


if __name__ == "__main__":
    main()
