"""Puts a mixer prior into a model file, as the U8 tensor `llz.prior`.

    python add_prior.py ../models/small.safetensors small.prior

The file is written anew with its tensors in order of name, so the same inputs give the same bytes.
"""

import json
import struct
import sys


def main(model: str, prior: str) -> None:
    with open(model, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    with open(prior, "rb") as file:
        extra = file.read()
    metadata = header.pop("__metadata__", {})
    header.pop("llz.prior", None)
    tensors = {
        name: (entry, data[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }
    tensors["llz.prior"] = ({"dtype": "U8", "shape": [len(extra)]}, extra)

    # Wider types first keeps every tensor aligned, as the format asks.
    width = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1, "U8": 1}
    order = sorted(tensors, key=lambda name: (-width[tensors[name][0]["dtype"]], name))
    new, blobs, at = {"__metadata__": metadata}, [], 0
    for name in order:
        entry, blob = tensors[name]
        new[name] = {**entry, "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(new, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    with open(model, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


if __name__ == "__main__":
    main(*sys.argv[1:])
