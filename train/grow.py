"""A larger model that begins as a smaller one: `python grow.py FROM TO [--wider] [--layers N] [--ffn N]`.

It says exactly what the smaller one said. Train on with `train.py --init TO`.

* `--wider`: every channel and every head twice. What reads two copies of a channel gives each its half, plus and minus the
  same noise, so that the copies can part ways. (Noise half as loud as the matrix: what the copies come to differ in is then
  heard as well as what they share.)
* `--ffn N`: further units of the channel mix, which read noise and write nothing.
* `--layers N`: a layer after each of the last ones. It is a copy of the one before it whose two output matrices are
  zero, so it finds features to work with instead of noise.

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
NOISE = 0.5  # of a matrix' root mean square
READ_ONLY = ("head.weight", "ffn.key.weight", "w1", "a1", "v1", "g1")  # rows that are no channels
WRITTEN_ONLY = ("ffn.value.weight", "w2", "a2", "v2", "g2")  # columns that are no channels


def noise(w: Tensor, rows: int) -> Tensor:
    """Rows such as a matrix might have, but quieter."""
    return torch.randn(rows, w.shape[1]) * (NOISE * w.square().mean().sqrt())


def read_twice(w: Tensor) -> Tensor:
    """[n, C] -> [n, 2 C], the same for two copies of C channels."""
    e = noise(w, len(w))
    return torch.cat([w / 2 + e, w / 2 - e], 1)


def wider(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Twice the width, the same function."""
    out = {}
    for name, t in state.items():
        if name.endswith(READ_ONLY):
            out[name] = read_twice(t)
        elif name == "emb.weight":
            out[name] = torch.cat([t, t], 1)
        elif name.endswith(WRITTEN_ONLY) or not name.endswith(".weight") or t.ndim == 1:
            out[name] = torch.cat([t, t])
        else:
            out[name] = torch.cat([read_twice(t), read_twice(t)])
    return out


def with_ffn(state: dict[str, Tensor], units: int) -> dict[str, Tensor]:
    """A channel mix of so many units, the same function."""
    more = units - Config.of(state).ffn
    if more < 0:
        raise ValueError(f"it has {-more} units more than that")
    out = dict(state)
    for name, t in state.items():
        if name.endswith("ffn.key.weight"):
            out[name] = torch.cat([t, noise(t, more)])
        elif name.endswith("ffn.value.weight"):
            out[name] = torch.cat([t, t.new_zeros(t.shape[0], more)], 1)
    return out


def deeper(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """So many layers, the same function. Needs two or more to begin with: the first has no value residual to copy."""
    have = Config.of(state).layers
    if have < 2 or not have <= layers <= 2 * have:
        raise ValueError(f"{have} layers do not grow to {layers}")
    out = {k: v for k, v in state.items() if not k.startswith("blocks.")}
    at = 0
    for layer in range(have):
        block = {k.split(".", 2)[2]: v for k, v in state.items() if k.startswith(f"blocks.{layer}.")}
        rows = [block]
        if layer >= 2 * have - layers:
            copy = {k: torch.zeros_like(v) if k in SILENT else v for k, v in block.items() if k not in FIRST_ONLY}
            if layer == 0:
                copy |= {k: state[f"blocks.1.{k}"] for k in LATER_ONLY}
            rows.append(copy)
        for tensors in rows:
            out |= {f"blocks.{at}.{k}": v.clone() for k, v in tensors.items()}
            at += 1
    return out


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("source", type=Path, metavar="FROM", help="a checkpoint, a float file or a shipped int8 file")
    ap.add_argument("out", type=Path, metavar="TO", help="a float file")
    ap.add_argument("--wider", action="store_true", help="twice the width")
    ap.add_argument("--layers", type=int, help="up to twice as many")
    ap.add_argument("--ffn", type=int, help="units of the channel mix")
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    torch.manual_seed(a.seed)
    state = load(a.source)
    if a.wider:
        state = wider(state)
    if a.ffn:
        state = with_ffn(state, a.ffn)
    if a.layers:
        state = deeper(state, a.layers)
    float_file(a.out, state)
    c = Config.of(state)
    print(f"{c.layers} layers of {c.width}, channel mix {c.ffn}: {c.multiply_adds()} multiply-adds per token")


if __name__ == "__main__":
    main()
