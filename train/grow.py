"""A deeper model that begins as a shallower one: `python grow.py FROM TO` puts a layer after every layer.

A new layer is a copy of the one before it whose two output matrices are zero, so the deeper model says exactly
what the shallower one said, and its new layers find features to work with instead of noise. Train on with
`train.py --init TO`.

Sources: Chen, Goodfellow, Shlens 2015, "Net2Net" (growing without changing the function); Gong et al. 2019,
"Efficient training of BERT by progressively stacking" (copies as a start).
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from export import float_file, load
from model import Config

SILENT = ("att.output.weight", "ffn.value.weight")
FIRST_ONLY = ("ln0.weight", "ln0.bias")
LATER_ONLY = ("att.v0", "att.v1", "att.v2")


def grown(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Twice the layers, the same function. Needs two layers or more: the first has no value residual to copy."""
    layers = Config.of(state).layers
    if layers < 2:
        raise ValueError("a single layer has no value residual to copy")
    out = {k: v for k, v in state.items() if not k.startswith("blocks.")}
    for layer in range(layers):
        block = {k.split(".", 2)[2]: v for k, v in state.items() if k.startswith(f"blocks.{layer}.")}
        copy = {k: torch.zeros_like(v) if k in SILENT else v for k, v in block.items() if k not in FIRST_ONLY}
        if layer == 0:
            copy |= {k: state[f"blocks.1.{k}"] for k in LATER_ONLY}
        for at, tensors in ((2 * layer, block), (2 * layer + 1, copy)):
            out |= {f"blocks.{at}.{k}": v.clone() for k, v in tensors.items()}
    return out


def settled(state: dict[str, Tensor]) -> frozenset[str]:
    """The names of what a grown model brings along: everything outside its new, silent layers."""
    new = {f"blocks.{i}." for i in range(Config.of(state).layers)
           if not any(state[f"blocks.{i}.{name}"].any() for name in SILENT)}
    return frozenset(name for name in state if not any(name.startswith(prefix) for prefix in new))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path, metavar="FROM", help="a checkpoint, a float file or a shipped int8 file")
    ap.add_argument("out", type=Path, metavar="TO", help="a float file")
    a = ap.parse_args()
    state = grown(load(a.source))
    float_file(a.out, state)
    c = Config.of(state)
    print(f"{c.layers} layers of {c.width}, {c.multiply_adds()} multiply-adds per token")


if __name__ == "__main__":
    main()
