#!/usr/bin/env python3
"""Decodes every archive and stream listed in VECTORS/README.md and compares the outcome with its line there.

    vectors.py VECTORS OUT      trees and what streams hold are written to OUT/NAME
"""

import re
import sys
from pathlib import Path

import codec
import container
import messages
import paths
from errors import Corrupt, ModelMissing, Refused, Unsafe, Unsupported

NAMES = {Corrupt: "corrupt", Unsupported: "unsupported", Unsafe: "unsafe", ModelMissing: "model"}


def decode_once(self, kind, coded, raw_length, coder=codec.CODER, decode=codec.Codec.decode, known={}):
    """Codec.decode, but many vectors hold the same chunks."""
    if kind not in (codec.MIX, codec.NEURAL, codec.RECORDS):
        return decode(self, kind, coded, raw_length, coder)
    model = self.model and self.model.sha256
    key = self.profile.id, self.table_bits, model, kind, coder, bytes(coded), raw_length
    if key not in known:
        known[key] = decode(self, kind, coded, raw_length, coder)
    return known[key]


def outcome(path, out):
    try:
        data = path.read_bytes()
        if path.suffix == ".llzs":
            out.write_bytes(messages.decode(data))
        else:
            paths.create(out, container.Archive(data))
    except Refused as e:
        return NAMES[type(e)], str(e)
    return "ok", ""


def main(vectors, out):
    codec.Codec.decode = decode_once
    vectors, out, wrong = Path(vectors), Path(out), 0
    out.mkdir(parents=True, exist_ok=True)
    lines = re.findall(r"^\| `(.*?)` \| (\w+) \|", (vectors / "README.md").read_text(), re.M)
    for name, expected in lines:
        got, why = outcome(vectors / name, out / name)
        if got != expected:
            wrong += 1
            print(f"{name}: {got}, not {expected}. {why}", flush=True)
    print(f"{len(lines) - wrong} of {len(lines)} vectors behave as described")
    return wrong > 0 or not lines


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
