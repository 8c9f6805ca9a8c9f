"""Makes a model's activations easier to round, without changing what it computes.

A vector is rounded in steps of its greatest value, so one loud channel costs all others precision.  Before most matrices
a channel can be made quieter for nothing: what scales it lies before (a layer norm's weight, a row of the matrix before) and the
matrix's column takes the factor back.  The steps of the weights, one scale per row, suffer in turn, so
loud channels are made quieter by a power of what would make all equal.

Source: Xiao et al. 2022, "SmoothQuant".
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from model import RWKV7, Config
from quantise import is_matrix

# Inputs of these matrices are scaled together, channel by channel: what divides, and what multiplies.
ATTENTION = ("receptance.weight", "key.weight", "value.weight", "w1", "a1", "g1", "v1")


def _sites(layers: int, names: set[str]) -> list[tuple[list[str], list[str], float]]:
    """(divided, multiplied, power): `divided` are vectors or rows, `multiplied` columns; a squared ReLU lies
    between some, so that rows take the root."""
    sites = [(["ln_out.weight", "ln_out.bias"], ["head.weight"], 1.0)]
    for n in range(layers):
        b = f"blocks.{n}."
        sites += [
            ([b + "ln1.weight", b + "ln1.bias"], [b + "att." + x for x in ATTENTION if b + "att." + x in names], 1.0),
            ([b + "att.g2"], [b + "att.output.weight"], 1.0),
            ([b + "ln2.weight", b + "ln2.bias"], [b + "ffn.key.weight"], 1.0),
            ([b + "ffn.key.weight"], [b + "ffn.value.weight"], 0.5),
        ]
    return sites


@torch.no_grad()
def loudness(state: dict[str, Tensor], ids: Tensor) -> dict[str, Tensor]:
    """For every matrix, how loud each channel of its input is on these tokens, relative to the loudest of its vector."""
    model = RWKV7(Config.of(state))
    model.load_state_dict(state)
    names = {p.data_ptr(): name for name, p in model.named_parameters()}
    loud: dict[str, Tensor] = {}

    def listen(x: Tensor, w: Tensor) -> Tensor:
        share = (x.abs() / x.abs().amax(-1, keepdim=True).clamp_min(1e-30)).flatten(0, -2)
        loud[names[w.data_ptr()]] = share.pow(8).mean(0).pow(1 / 8)  # between the mean and the greatest
        return F.linear(x, w)

    listen(model(ids, listen), model.head.weight)
    return loud


def smoothed(state: dict[str, Tensor], ids: Tensor, strength: float = 0.8) -> dict[str, Tensor]:
    """The same function with quieter channels."""
    state = {k: v.clone() for k, v in state.items()}
    loud = loudness(state, ids)
    for divided, multiplied, power in _sites(Config.of(state).layers, set(state)):
        heard = torch.stack([loud[m] for m in multiplied]).amax(0).clamp_min(1e-4)
        factor = (heard / heard.log().mean().exp()).pow(strength)
        for name in divided:
            row = factor.pow(-power)
            state[name] *= row[:, None] if is_matrix(name, state[name]) else row
        for name in multiplied:
            state[name] *= factor
    return state


def sample(pack: Path, length: int = 1024) -> Tensor:
    """Six windows of every domain."""
    rows = []
    for path in sorted(pack.glob("*.u16")):
        ids = np.memmap(path, np.uint16, "r")
        rows += [torch.from_numpy(ids[len(ids) * at // 10:][:length].astype(np.int64)) for at in (1, 2, 4, 5, 7, 8)]
    return torch.stack(rows)
