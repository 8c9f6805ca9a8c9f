#!/usr/bin/env python3
"""Decodes an llz archive or message, slowly and by the book: FORMAT.md is the book.

    llz_decode.py ARCHIVE OUTDIR [--model FILE]     OUTDIR must not exist
    llz_decode.py MESSAGE OUTFILE [--model FILE]

Exit codes: 0 done, 1 corrupt, 2 usage, 3 unsupported, 4 unsafe, 5 the model is missing.
"""

import argparse
import sys
from pathlib import Path

import container
import messages
import paths
from errors import Corrupt, ModelMissing, Refused, Unsafe, Unsupported

CODES = {Corrupt: 1, Unsupported: 3, Unsafe: 4, ModelMissing: 5}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model", type=Path, help="default: the built-in ones")
    arguments = parser.parse_args()
    data = arguments.input.read_bytes()
    try:
        if messages.begins(data):
            arguments.output.write_bytes(messages.decode(data, arguments.model))
        else:
            paths.create(arguments.output, container.Archive(data, arguments.model))
    except Refused as e:
        print(f"{arguments.input}: {type(e).__name__.lower()}: {e}", file=sys.stderr)
        return CODES[type(e)]
    return 0


if __name__ == "__main__":
    sys.exit(main())
