"""The loss of a model inside the mixer: llz stores what model and contexts together do not expect.

For every binary decision on the way to a token (decisions.py) the model says L, its log odds of the right answer, and the mixer
makes a L + R of it: how much the model counts, a, and what else there is, R, are what llz's own mixer said when it coded this text
with the model as it was (odds.py). The loss is the sum of ln(1 + exp(-a L - R)). Where contexts know the answer, there is nothing
to learn; where they are wrong, the model learns to object.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from decisions import Decisions
from loss import chunked_loss
from native import kernel

UNITS = (8.0, 64.0)  # of the stored R and a
CLIP = 12.0  # where the mixer clips a model's log odds


class Mixing:
    """The decisions of a vocabulary, as tensors."""

    def __init__(self, d: Decisions, device="cpu"):
        tensor = lambda x: torch.as_tensor(x, device=device)  # noqa: E731
        self.order, self.count, self.first, self.lo, self.hi = map(tensor, (d.order, d.count, d.first, d.lo, d.hi))
        self.most = d.most


def right_and_wrong(logits: Tensor, targets: Tensor, known: Tensor, mixing: Mixing) -> tuple[Tensor, ...]:
    """For logits [n, V] in order of ranks and targets [n]: at each decision (`known` [n, most] says which there are) what
    the right answer and the wrong one are worth, and for the gradient exp(logits), and where in a table of n x (V + 1)
    sums the ranges after and before the answer begin and end, [4, decisions].

    Sums in double precision: ranges are differences of sums, and a rare token is a small one.
    """
    row, step = known.nonzero(as_tuple=True)
    vocab = logits.shape[1]
    here = mixing.first[targets][row] + step
    before = (here - 1).clamp_min(0)
    bounds = torch.stack([mixing.lo[here], mixing.hi[here],
                          mixing.lo[before] * (step > 0), torch.where(step > 0, mixing.hi[before], vocab)])
    e = torch.exp(logits - logits.amax(-1, keepdim=True))
    at = row * (vocab + 1) + bounds
    lo, hi, lo_before, hi_before = F.pad(e.double().cumsum(-1), (1, 0)).view(-1)[at]
    right = (hi - lo).clamp_min(1e-30)
    return right, (hi_before - lo_before - right).clamp_min(1e-30), e, at


def _anywhere(logits: Tensor, targets: Tensor, odds: Tensor, mixing: Mixing) -> tuple[Tensor, Tensor]:
    """The sum of the losses and their gradient by the logits, operator by operator."""
    known = torch.arange(mixing.most, device=targets.device) < mixing.count[targets][:, None]
    right, wrong, e, at = right_and_wrong(logits.float(), targets, known, mixing)
    rest, a = (odds[known].float() / torch.tensor(UNITS, device=odds.device)).unbind(-1)
    model = (right / wrong).log()
    x = a * model.clamp(-CLIP, CLIP) + rest
    g = -torch.sigmoid(-x) * a * (model.abs() < CLIP)
    by_after, by_before = g * (1 / right + 1 / wrong), -g / wrong
    n, vocab = logits.shape
    by_sums = torch.zeros(n * (vocab + 1), dtype=torch.float64, device=logits.device)
    by_sums.index_add_(0, at.flatten(), torch.cat([-by_after, by_after, -by_before, by_before]))
    summed = by_sums.view(n, -1).cumsum(-1)
    return F.softplus(-x).sum(), (e * (summed[:, -1:] - summed[:, :-1])).to(logits.dtype)


def _on_cpu(logits: Tensor, targets: Tensor, odds: Tensor, mixing: Mixing) -> tuple[float, Tensor]:
    """The same in one pass; the gradient takes the logits' place."""
    m = mixing
    total = kernel("mixed_cpu.cpp").mixed(logits, targets, odds, m.first, m.count, m.lo, m.hi, *UNITS, CLIP)
    return total, logits


def mixed_loss(x: Tensor, weight: Tensor, targets: Tensor, odds: Tensor, mixing: Mixing) -> Tensor:
    """Mean nats per token; x [.., C], weight [V, C], targets [..], odds [.., most, 2] (see data.Window)."""
    targets, odds = targets.reshape(-1), odds.reshape(-1, mixing.most, 2)
    step = _on_cpu if x.device.type == "cpu" and x.dtype == torch.float32 else _anywhere
    return chunked_loss(x.reshape(-1, x.shape[-1]), weight[mixing.order],
                        lambda logits, rows: step(logits, targets[rows], odds[rows], mixing))
