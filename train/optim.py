"""Muon for the hidden matrices, AdamW for the rest, and the learning-rate schedule.

Muon (momentum, then orthogonalisation by Newton-Schulz) learns about twice as fast per token as
AdamW here.  `torch.optim.Muon` exists but works in bf16 one matrix at a time: slow on a CPU
without bf16 units and launch-bound on a GPU.  This one stacks the matrices of equal shape.
"""
from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

from model import RWKV7

NS = (3.4445, -4.7750, 2.0315)


def orthogonalise(g: Tensor, steps: int = 5) -> Tensor:
    """Batched Newton-Schulz: [n, rows, cols] -> about U V^T of each."""
    x = g.bfloat16() if g.is_cuda else g
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    a, b, c = NS
    for _ in range(steps):
        p = x @ x.mT
        x = a * x + (b * p + c * p @ p) @ x
    return (x.mT if tall else x).to(g.dtype)


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr: float, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(list(params), dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            shapes = defaultdict(list)
            for p in group["params"]:
                shapes[p.shape].append(p)
            for (rows, cols), ps in shapes.items():
                updates = []
                for p in ps:
                    m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                    m.lerp_(p.grad, 1 - group["momentum"])
                    updates.append(p.grad.lerp(m, group["momentum"]))  # Nesterov
                scale = group["lr"] * max(1, rows / cols) ** 0.5
                for p, u in zip(ps, orthogonalise(torch.stack(updates))):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(u, alpha=scale)


def optimizers(model: RWKV7, muon_lr: float, adam_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for the rest, embedding and head by half as much again."""
    matrices, embed, rest = [], [], []
    for name, p in model.named_parameters():
        if name in ("emb.weight", "head.weight"):
            embed.append(p)
        elif p.ndim == 2 and name.endswith(".weight"):
            matrices.append(p)
        else:  # vectors, and the LoRA pairs: too thin to be orthogonal
            rest.append(p)
    adam = [{"params": embed, "lr": 1.5 * adam_lr}, {"params": rest, "lr": adam_lr}]
    out = [Muon(matrices, muon_lr), torch.optim.AdamW(adam, betas=(0.9, 0.98), eps=1e-10, weight_decay=0.0, fused=True)]
    for o in out:
        for g in o.param_groups:
            g["peak"] = g["lr"]
    return out


def rate(progress: float, warm: float, decay: float) -> float:
    """Warm up, hold, then fall linearly to zero over the last `decay` of the run."""
    return max(0.0, min(1.0, progress / warm if warm else 1.0, (1 - progress) / decay if decay else 1.0))


def set_rate(opts: list[torch.optim.Optimizer], factor: float) -> None:
    for o in opts:
        for g in o.param_groups:
            g["lr"] = g["peak"] * factor
