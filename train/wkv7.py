"""The RWKV-7 state recurrence as one differentiable operator, `wkv7(r, w, k, v, a, b) -> y`.

A custom operator (rather than an autograd function) so that `torch.compile` keeps the graph around
it whole.  The CPU kernel is C++, the CUDA kernel CUDA C; both keep the state every 16 steps.
`wkv7_reference` is the definition, for tests.
"""
from __future__ import annotations

import torch
from torch import Tensor

from native import kernel

HEAD = 64
BLOCK = 16


def _kernel(device: str):
    return kernel("wkv7_cuda.cu" if device == "cuda" else "wkv7_cpu.cpp")


@torch.library.custom_op("llz::wkv7", mutates_args=())
def _forward(r: Tensor, w: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor) -> list[Tensor]:
    return _kernel(r.device.type).forward(r, w, k, v, a, b)


@_forward.register_fake
def _(r, w, k, v, a, b):
    n, t, h, c = r.shape
    return [torch.empty_like(r), r.new_empty(n, h, t // BLOCK, c, c, dtype=torch.float32),
            torch.empty_like(r, dtype=torch.float32)]


@torch.library.custom_op("llz::wkv7_backward", mutates_args=())
def _backward(dy: Tensor, r: Tensor, w: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor,
              kept: Tensor, sa: Tensor) -> list[Tensor]:
    return _kernel(r.device.type).backward(dy, r, w, k, v, a, b, kept, sa)


@_backward.register_fake
def _(dy, r, w, k, v, a, b, kept, sa):
    return [torch.empty_like(r) for _ in range(6)]


def _setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output[1], output[2])


def _gradient(ctx, grads):
    return tuple(_backward(grads[0].contiguous(), *ctx.saved_tensors))


_forward.register_autograd(_gradient, setup_context=_setup)


def wkv7(r: Tensor, w: Tensor, k: Tensor, v: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """All [B, T, H, 64], T a multiple of 16; w in (0, 1)."""
    return _forward(*(t.contiguous() for t in (r, w, k, v, a, b)))[0]


def wkv7_reference(r, w, k, v, a, b):
    n, t, h, c = r.shape
    s = torch.zeros(n, h, c, c, dtype=r.dtype)
    ys = []
    for i in range(t):
        at = lambda x: x[:, i]  # noqa: E731
        sa = torch.einsum("bhij,bhj->bhi", s, at(a))
        s = (s * at(w)[:, :, None] + sa[..., None] * at(b)[:, :, None]
             + at(v)[..., None] * at(k)[:, :, None])
        ys.append(torch.einsum("bhij,bhj->bhi", s, at(r)))
    return torch.stack(ys, 1)
