"""Weights to 7 bits, one scale per row; and a `linear` that imitates integer inference.

Weights stay in [-63, 63] although they are stored in 8 bits, and activations, quantised anew for every
vector, do too: AVX2 multiplies bytes in pairs and adds products in 16 bits, where four of them fit
(activations have 64 added: 4 * 127 * 63 < 2^15).
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WEIGHT_MAX = 63
ACTIVATION_MAX = 63


def is_matrix(name: str, t: Tensor) -> bool:
    """Everything that multiplies a vector.  `r_k` is two-dimensional but only a bonus per channel."""
    return t.ndim == 2 and not name.endswith("r_k")


def quantise_rows(w: Tensor, clips: int = 41) -> tuple[Tensor, Tensor]:
    """[rows, cols] -> (int8 in [-63, 63], f32 scale per row) with the least squared error per row.

    Clipping a lone outlier a little buys a finer step for the rest of its row.
    """
    w = w.float()
    peak = w.abs().amax(1, keepdim=True).clamp_min(1e-12)
    best = torch.full((w.shape[0],), float("inf"))
    q, scale = torch.zeros_like(w), peak[:, 0] / WEIGHT_MAX
    for clip in torch.linspace(1.0, 0.6, clips):
        s = peak * clip / WEIGHT_MAX
        n = torch.round(w / s).clamp(-WEIGHT_MAX, WEIGHT_MAX)  # rounds half to even
        error = (n * s - w).square().sum(1)
        better = error < best
        best = torch.where(better, error, best)
        q[better], scale[better] = n[better], s[better, 0]
    return q.to(torch.int8), scale


def quantise_activations(x: Tensor) -> Tensor:
    s = x.abs().amax(-1, keepdim=True).clamp_min(1e-30) / ACTIVATION_MAX
    return torch.round(x / s) * s


def simulated(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state_dict as integer inference sees it."""
    out = dict(state)
    for name, t in state.items():
        if is_matrix(name, t):
            q, s = quantise_rows(t)
            out[name] = q.float() * s[:, None]
    return out


def linear(x: Tensor, weight: Tensor) -> Tensor:
    """F.linear with the input rounded as inference rounds it (weights: see `simulated`)."""
    return F.linear(quantise_activations(x.float()), weight)


class Straight:
    """A `linear` to train with: it rounds as inference does, and gradients pass as if it did not.

    Bengio, Leonard, Courville 2013, "Estimating or propagating gradients through stochastic neurons", the straight-through
    estimator.  A few steps teach a model to live with its rounding.
    """

    def __init__(self, model: nn.Module):
        self.model = model

    @torch.no_grad()
    def refresh(self) -> None:
        """To be called after every step: the weights have moved."""
        self.errors = {}
        for name, p in self.model.named_parameters():
            if is_matrix(name, p):
                q, s = quantise_rows(p, clips=5)
                self.errors[p.data_ptr()] = q * s[:, None] - p

    def weight(self, w: Tensor) -> Tensor:
        return w + self.errors[w.data_ptr()]

    @staticmethod
    def activations(x: Tensor) -> Tensor:
        return x + (quantise_activations(x) - x).detach()

    def __call__(self, x: Tensor, w: Tensor) -> Tensor:
        return F.linear(self.activations(x), self.weight(w))
