"""RWKV-7 with BlinkDL's tensor names.

Every matrix is stored [out, in], including the LoRA pairs (w1 is rank x C, w2 is C x rank, ...), which
is the layout of the float file that is shipped: a state_dict is that file.
"""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wkv7 import HEAD, wkv7

DECAY = math.exp(-0.5)  # w = exp(-DECAY * sigmoid(z)): no channel forgets faster than e^-0.61 per token


@dataclass(frozen=True)
class Config:
    vocab: int = 4096
    width: int = 192
    layers: int = 4
    ffn: int = 768
    rank_w: int = 32
    rank_a: int = 32
    rank_v: int = 16
    rank_g: int = 64

    @staticmethod
    def of(tensors: dict[str, Tensor]) -> "Config":
        """The configuration that a state_dict implies."""
        vocab, width = tensors["emb.weight"].shape
        layers = 1 + max(int(k.split(".")[1]) for k in tensors if k.startswith("blocks."))
        rank = lambda x, l: tensors[f"blocks.{l}.att.{x}1"].shape[0]  # noqa: E731
        return Config(vocab, width, layers, tensors["blocks.0.ffn.key.weight"].shape[0],
                      rank("w", 0), rank("a", 0), rank("v", layers - 1) if layers > 1 else 16, rank("g", 0))

    def multiply_adds(self) -> int:
        """Per token, matrices only: what inference costs."""
        c = self.width
        lora = 2 * c * (self.rank_w + self.rank_a + self.rank_g)
        return (self.layers * (4 * c * c + lora + 2 * c * self.ffn)
                + (self.layers - 1) * 2 * c * self.rank_v + c * self.vocab)

    asdict = asdict


def shifted(x: Tensor) -> Tensor:
    """The previous position minus this one; before the first there is nothing."""
    return F.pad(x, (0, 0, 1, -1)) - x


class TimeMix(nn.Module):
    def __init__(self, c: Config, layer: int):
        super().__init__()
        d, self.heads, self.layer = c.width, c.width // HEAD, layer
        depth = layer / max(c.layers - 1, 1)
        rest = 1 - layer / c.layers
        # Initial values follow BlinkDL's RWKV-LM (train_temp): they matter for short training.
        pos = torch.arange(d) / d
        lin = torch.arange(d) / (d - 1) - 0.5
        zig = ((torch.arange(d) % HEAD) - (HEAD - 1) / 2) / ((HEAD - 1) / 2)
        zig = zig * zig.abs()
        vec = nn.Parameter
        for name, power in dict(r=0.2, w=0.9, k=0.7, v=0.7, a=0.9, g=0.2).items():
            self.register_parameter(f"x_{name}", vec(1 - pos ** (power * rest)))

        def lora(name: str, rank: int) -> None:
            self.register_parameter(f"{name}1", vec(torch.zeros(rank, d)))
            self.register_parameter(f"{name}2", vec(nn.init.orthogonal_(torch.empty(d, rank), gain=0.1)))

        lora("w", c.rank_w)
        self.w0 = vec(-5.5 + 6 * (lin + 0.5) ** (1 + depth ** 0.3) + zig * 2.5)
        lora("a", c.rank_a)
        self.a0 = vec(-0.19 + zig * 0.3 + lin * 0.4)
        if layer > 0:  # layer 0 makes the value residual, the others mix it in
            lora("v", c.rank_v)
            self.v0 = vec(0.73 - lin * 0.4)
        lora("g", c.rank_g)
        self.k_k = vec(0.71 - lin * 0.1)
        self.k_a = vec(torch.full((d,), 1.02))
        self.r_k = vec(torch.full((self.heads, HEAD), -0.04))
        linear = lambda: nn.Linear(d, d, bias=False)  # noqa: E731
        self.receptance, self.key, self.value, self.output = linear(), linear(), linear(), linear()
        q = 0.5 / d ** 0.5
        nn.init.uniform_(self.receptance.weight, -q, q)
        nn.init.uniform_(self.key.weight, -q / 10, q / 10)
        nn.init.uniform_(self.value.weight, -q, q)
        nn.init.zeros_(self.output.weight)
        self.ln_x = nn.GroupNorm(self.heads, d, eps=64e-5)

    def forward(self, x: Tensor, v_first: Tensor | None, linear=F.linear) -> tuple[Tensor, Tensor]:
        B, T, C = x.shape
        xx = shifted(x)
        xr, xw, xk, xv, xa, xg = (x + xx * m for m in (self.x_r, self.x_w, self.x_k, self.x_v, self.x_a, self.x_g))
        r = linear(xr, self.receptance.weight)
        k = linear(xk, self.key.weight)
        v = linear(xv, self.value.weight)
        if self.layer == 0:
            v_first = v
        else:
            v = v + (v_first - v) * torch.sigmoid(self.v0 + linear(linear(xv, self.v1), self.v2))
        w = torch.exp(-DECAY * torch.sigmoid((self.w0 + linear(torch.tanh(linear(xw, self.w1)), self.w2)).float()))
        a = torch.sigmoid(self.a0 + linear(linear(xa, self.a1), self.a2))
        g = linear(torch.sigmoid(linear(xg, self.g1)), self.g2)
        heads = lambda t: t.float().view(B, T, self.heads, HEAD)  # noqa: E731
        kk = F.normalize(heads(k * self.k_k), dim=-1)
        k = k * (1 + (a - 1) * self.k_a)
        r, k, v_, a = heads(r), heads(k), heads(v), heads(a)
        y = wkv7(r, heads(w), k, v_, -kk, kk * a)
        # GroupNorm over one head, written out: the fused form needs no transpose and compiles better.
        y = F.layer_norm(y, (HEAD,), eps=self.ln_x.eps).reshape(B, T, C) * self.ln_x.weight + self.ln_x.bias
        y = y + ((r * k * self.r_k).sum(-1, keepdim=True) * v_).reshape(B, T, C)
        return linear(y.to(g.dtype) * g, self.output.weight), v_first


class ChannelMix(nn.Module):
    def __init__(self, c: Config, layer: int):
        super().__init__()
        self.x_k = nn.Parameter(1 - (torch.arange(c.width) / c.width) ** ((1 - layer / c.layers) ** 4))
        self.key = nn.Linear(c.width, c.ffn, bias=False)
        self.value = nn.Linear(c.ffn, c.width, bias=False)
        q = 0.5 / c.width ** 0.5
        nn.init.uniform_(self.key.weight, -q, q)
        nn.init.zeros_(self.value.weight)

    def forward(self, x: Tensor, linear=F.linear) -> Tensor:
        return linear(torch.relu(linear(x + shifted(x) * self.x_k, self.key.weight)) ** 2, self.value.weight)


class Block(nn.Module):
    def __init__(self, c: Config, layer: int):
        super().__init__()
        if layer == 0:
            self.ln0 = nn.LayerNorm(c.width)
        self.layer = layer
        self.ln1, self.ln2 = nn.LayerNorm(c.width), nn.LayerNorm(c.width)
        self.att, self.ffn = TimeMix(c, layer), ChannelMix(c, layer)

    def forward(self, x: Tensor, v_first: Tensor | None, linear=F.linear) -> tuple[Tensor, Tensor]:
        if self.layer == 0:
            x = self.ln0(x)
        y, v_first = self.att(self.ln1(x), v_first, linear)
        x = x + y
        return x + self.ffn(self.ln2(x), linear), v_first


class RWKV7(nn.Module):
    def __init__(self, c: Config):
        super().__init__()
        self.config = c
        self.emb = nn.Embedding(c.vocab, c.width)
        nn.init.uniform_(self.emb.weight, -1e-4, 1e-4)
        self.blocks = nn.ModuleList(Block(c, l) for l in range(c.layers))
        self.ln_out = nn.LayerNorm(c.width)
        self.head = nn.Linear(c.width, c.vocab, bias=False)
        nn.init.orthogonal_(self.head.weight, gain=0.5 * max(c.vocab / c.width, 1) ** 0.5)

    def forward(self, ids: Tensor, linear=F.linear) -> Tensor:
        """The hidden vectors that `head` turns into logits (see loss.py)."""
        return self.read(self.emb(ids), linear)

    def read(self, x: Tensor, linear=F.linear) -> Tensor:
        """The same for vectors in place of tokens."""
        v_first = None
        for block in self.blocks:
            x, v_first = block(x, v_first, linear)
        return self.ln_out(x)
