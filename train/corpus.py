"""Reading the training corpus: one zstd file per domain, documents separated by a zero byte.

`DOMAINS` is the vocabulary of the whole recipe.  `wiki` is not a file of the corpus: MediaWiki
markup is thin there (about 2 MB scattered over three files) but common in what people archive, so
the documents that look like it are pulled out into a domain of their own and can be weighted.
"""
from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

FILES = ("prose", "docs", "code", "structured", "multilingual", "misc")
DOMAINS = FILES + ("wiki",)

_HEADING = re.compile(rb"(?m)^==+ ?[^=\n]+ ?==+ *\r?$")
_PAGE_XML = re.compile(rb"<page>|<text xml:space=\"preserve\"")


def looks_like_wiki(doc: bytes) -> bool:
    """MediaWiki markup: links, templates and headings at a density no other format reaches."""
    n = len(doc)
    if n < 200:
        return False
    if doc.count(b"<page>") and _PAGE_XML.search(doc) and b"<revision>" in doc:
        return True
    # `[[package]]` of TOML lock files and `[[ test ]]` of shell are links to nobody.
    links = doc.count(b"[[") - doc.count(b"[[package]]") - doc.count(b"[[ ")
    marks = links + 0.5 * doc.count(b"{{") + 2 * len(_HEADING.findall(doc))
    return links * 1500 > n and marks * 400 > n


def documents(corpus: Path, file: str) -> Iterator[bytes]:
    """Yield the documents of one corpus file, in their stored (already shuffled) order."""
    # The zstd program rather than a Python binding: one dependency fewer, and it streams.
    cmd = ["zstd", "-q", "-d", "-c", "--long=27", str(corpus / f"{file}.bin.zst")]
    with subprocess.Popen(cmd, stdout=subprocess.PIPE) as p:
        rest = b""
        while block := p.stdout.read(1 << 22):
            *whole, rest = (rest + block).split(b"\0")
            yield from filter(None, whole)
        if rest:
            yield rest
    if p.returncode:
        raise RuntimeError(f"zstd failed on {file} ({p.returncode})")


def by_domain(corpus: Path, file: str, limit: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (domain, document); `limit` bounds the bytes read of the file's own domain, not of wiki."""
    taken = 0
    for doc in documents(corpus, file):
        if file != "code" and looks_like_wiki(doc):
            yield "wiki", doc
        elif limit is None or taken < limit:
            taken += len(doc)
            yield file, doc
