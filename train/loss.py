"""Cross entropy of the head without ever holding all logits.

4,096 logits per token are most of the memory traffic of a small model.  The loss is the last thing
computed, so its gradient is known as soon as the loss is: each chunk's logits are made, turned into
their own gradient and multiplied back while they are still in the cache.
"""
from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = {"cpu": 512, "cuda": 16384}  # the CPU's cache; the GPU's need of work per launch

# From the logits of some rows to their nats, summed, and the gradient of those by the logits, in the logits' precision.
Step = Callable[[Tensor, slice], tuple[Tensor | float, Tensor]]


def _surprise(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The nats of `targets` [n, 1], summed, and their gradient by `logits` [n, V], in the logits' precision."""
    log = torch.log_softmax(logits.float(), -1)
    nats = -log.gather(1, targets).sum()
    return nats, log.exp_().scatter_add_(1, targets, -torch.ones_like(targets, dtype=log.dtype)).to(logits.dtype)


@torch.compile(dynamic=False)
def _fused(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The same for a GPU: the logits are read twice and written once."""
    log = torch.log_softmax(logits.float(), -1)
    hit = torch.arange(logits.shape[1], device=logits.device) == targets
    return -log.gather(1, targets).sum(), (log.exp() - hit.float()).to(logits.dtype)


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, step: Step) -> Tensor:
        n, w, chunk = x.shape[0], weight.to(x.dtype), CHUNK[x.device.type]
        need = ctx.needs_input_grad[0]
        dx = torch.empty_like(x) if need else None
        dw = torch.zeros_like(weight) if need else None
        total = x.new_zeros((), dtype=torch.float32)
        for s in range(0, n, chunk):
            rows = slice(s, s + chunk)
            xs = x[rows]
            nats, grad = step(xs @ w.T, rows)
            total += nats
            if need:
                torch.mm(grad, w, out=dx[rows])
                if grad.dtype == dw.dtype:
                    dw.addmm_(grad.T, xs)
                else:
                    dw += grad.T @ xs
        if need:
            ctx.save_for_backward(dx.div_(n), dw.div_(n))
        return total / n

    @staticmethod
    def backward(ctx, g: Tensor):
        dx, dw = ctx.saved_tensors
        return dx * g, dw * g, None


def chunked_loss(x: Tensor, weight: Tensor, step: Step) -> Tensor:
    """Mean nats per token of x [n, C] and weight [V, C], computed in x's precision, CHUNK tokens at a time."""
    return _ChunkedLoss.apply(x, weight, step)


def head_loss(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """Mean nats per token; x [.., C], weight [V, C], targets [..].  Computed in x's precision."""
    targets = targets.reshape(-1, 1)
    surprise = _fused if x.is_cuda and x.requires_grad else _surprise
    return chunked_loss(x.reshape(-1, x.shape[-1]), weight, lambda logits, rows: surprise(logits, targets[rows]))


@torch.no_grad()
def token_nats(x: Tensor, weight: Tensor, targets: Tensor, linear=F.linear) -> Tensor:
    """Nats of every token, for evaluation."""
    x, targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
    chunk = CHUNK[x.device.type]
    return torch.cat([F.cross_entropy(linear(x[s:s + chunk], weight).float(), targets[s:s + chunk], reduction="none")
                      for s in range(0, len(x), chunk)])
