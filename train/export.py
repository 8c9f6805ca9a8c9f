"""Checkpoint -> the two files that ship.

`--float FILE`  F16 safetensors in BlinkDL's names, matrices [out, in]: loads in any RWKV-7 tool
                that takes web-rwkv's layout.
`--int8 FILE`   what llz embeds (format `llz-model-1`): every matrix as I8 [out, in] under its name, with a F32
                tensor `NAME.scale` of one scale per row; every vector as F32, flattened; the tokenizer
                and the dimensions in the metadata.
Both are a function of the checkpoint alone, byte for byte.

`--average FILE` exports the mean with another point of the same run, such as the weights it started
from.  That takes out the noise of a high learning rate as a long decay would, and costs nothing: the
way out when a run must end before its decay.
"""
from __future__ import annotations

import argparse
import json
import struct
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from model import RWKV7, Config
from quantise import is_matrix, quantise_rows
from smooth import sample, smoothed
from wkv7 import HEAD

DTYPES = {np.dtype("int8"): "I8", np.dtype("float16"): "F16", np.dtype("float32"): "F32"}


def load(path: Path) -> dict[str, Tensor]:
    """A training checkpoint, a float file, or a shipped int8 file (to train on from it), as f32."""
    state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu")["model"]
    scales = {k.removesuffix(".scale"): state.pop(k) for k in list(state) if k.endswith(".scale")}
    state = {k: v.float() * scales[k][:, None] if k in scales else v.float() for k, v in state.items()}
    model = RWKV7(Config.of(state))
    if scales:  # the shipped file's vectors are flat
        state = {k: state[k].view_as(v) for k, v in model.state_dict().items()}
    model.load_state_dict(state)  # every tensor there, every shape right
    for name, t in state.items():
        if not t.isfinite().all():
            raise ValueError(f"{name} is not finite")
    return state


def average(one: dict[str, Tensor], other: dict[str, Tensor], share: float = 0.5) -> dict[str, Tensor]:
    return {k: torch.lerp(v, other[k], share) for k, v in one.items()}


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """safetensors, deterministic: the library's own writer keeps its metadata in a hash map."""
    # Wide elements first keeps every tensor aligned to its element.
    order = sorted(tensors, key=lambda k: (-tensors[k].itemsize, k))
    header: dict = {"__metadata__": dict(sorted(metadata.items()))}
    at = 0
    for k in order:
        t = tensors[k]
        header[k] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)  # the data starts on a cache line
    with path.open("wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for k in order:
            f.write(np.ascontiguousarray(tensors[k]).tobytes())


def float_file(path: Path, state: dict[str, Tensor]) -> None:
    write(path, {k: v.half().numpy() for k, v in state.items()},
          {"format": "rwkv-7", "layout": "BlinkDL names; matrices [out, in], the LoRA pairs too "
                                         "(w1: rank x C, w2: C x rank), as web-rwkv expects"})


def int8_file(path: Path, state: dict[str, Tensor], tokenizer: Path, name: str) -> None:
    tensors: dict[str, np.ndarray] = {}
    for k, v in state.items():
        if is_matrix(k, v):
            q, s = quantise_rows(v)
            tensors[k], tensors[k + ".scale"] = q.numpy(), s.numpy()
        else:
            tensors[k] = v.flatten().numpy()
    c = Config.of(state)
    spec = json.loads(tokenizer.read_text())
    write(path, tensors, {
        "format": "llz-model-1", "arch": "rwkv7", "name": name,
        "tokenizer": json.dumps(spec, separators=(",", ":"), ensure_ascii=False),
        "n_layer": str(c.layers), "n_embd": str(c.width), "head_size": str(HEAD), "vocab_size": str(c.vocab)})


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("checkpoint", type=Path, help="OUT/last.pt of train.py, or a float safetensors file")
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--average", type=Path, help="another point of the run, to export the mean with")
    ap.add_argument("--share", type=float, default=0.5, help="how much of the mean is that other point")
    ap.add_argument("--smooth", type=Path, metavar="PACK", help="make it easier to round first, by what it does on this packed text")
    ap.add_argument("--name", default="small")
    ap.add_argument("--float", dest="float_path", type=Path)
    ap.add_argument("--int8", dest="int8_path", type=Path)
    a = ap.parse_args()
    state = load(a.checkpoint)
    if a.average:
        state = average(state, load(a.average), a.share)
    if a.smooth:
        state = smoothed(state, sample(a.smooth))
    if a.float_path:
        float_file(a.float_path, state)
    if a.int8_path:
        int8_file(a.int8_path, state, a.tokenizer, a.name)
    for p in filter(None, (a.float_path, a.int8_path)):
        print(f"{p}: {p.stat().st_size} bytes")


if __name__ == "__main__":
    main()
