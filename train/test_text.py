"""What the recipe does with text, before there is a model: these tests need no torch."""
import pytest

from contamination import DROP, WORDS, EvalNgrams, _Hasher
from corpus import looks_like_wiki
from decisions import Decisions
from tokens import Encoder


def test_any_bytes_round_trip(tokenizer):
    enc = Encoder(tokenizer)
    for data in (b"", b"the cat", bytes(range(256)) * 3, "naïve — 日本".encode()[:-1], b"\xc3\x28 the \xff"):
        assert b"".join(enc.bytes[i] for i in enc.encode(data)) == data
        assert (enc.encode_many([data])[0] == enc.encode(data)).all()


def test_a_token_is_a_row_of_decisions(tokenizer):
    tokens = Encoder(tokenizer).bytes
    d = Decisions(tokens)
    splits = set()
    for token, (first, count) in enumerate(zip(d.first, d.count)):
        before = (0, len(tokens))
        for lo, hi in zip(d.lo[first:first + count], d.hi[first:first + count]):
            assert before[0] == lo < hi < before[1] or before[0] < lo < hi == before[1]
            splits.add(before)
            before = (lo, hi)
        assert before == (d.rank[token], d.rank[token] + 1) and d.order[d.rank[token]] == token
    assert len(splits) == len(tokens) - 1


def test_contamination_is_found_by_content(tmp_path):
    words = [f"word{i}" for i in range(400)]
    (tmp_path / "eval" / "prose").mkdir(parents=True)
    (tmp_path / "eval" / "prose" / "a.txt").write_text(" ".join(words))
    wrapped = "\n>> ".join(words[100:130]).upper().encode()  # other case, wrapping and punctuation
    assert len(_Hasher()(wrapped)) == 30 - WORDS + 1
    guard = EvalNgrams(tmp_path / "eval")
    guard.survey([wrapped, b"nothing at all in common with it, however long one may look"])
    assert not guard.admit(wrapped) and guard.admit(b"nothing of the kind")
    assert guard.verdict()["documents_dropped"] == 1
    piece = WORDS + DROP - 2  # one run short of being dropped, and too much in sum
    for i in range(0, 400, piece):
        assert guard.admit(" ".join(words[i:i + piece]).encode())
    with pytest.raises(SystemExit):
        guard.verdict()


def test_wiki_markup_is_told_from_lock_files():
    page = b"'''Cheese''' is a [[food]] of [[milk]].\n== History ==\nSee {{main|cheese}} and [[Gouda]].\n" * 5
    assert looks_like_wiki(page)
    assert not looks_like_wiki(b'[[package]]\nname = "a"\nversion = "1"\n' * 50)
