"""Bits per byte on the public evaluation texts, per domain."""
from __future__ import annotations

import math
from pathlib import Path

import torch
import torch.nn.functional as F

from loss import token_nats
from model import RWKV7
from tokens import Encoder

SKIP = ("binary",)


def texts(root: Path) -> dict[str, list[bytes]]:
    """Domain -> its files, in the order an archiver would list them."""
    return {d.name: [p.read_bytes() for p in sorted(d.rglob("*")) if p.is_file()]
            for d in sorted(root.iterdir()) if d.is_dir() and d.name not in SKIP}


class Slices:
    """A few sequences of each domain, the same for every call: cheap, and comparable within a run."""

    def __init__(self, root: Path, enc: Encoder, sequences: int = 4, length: int = 2048):
        self.start, self.bytes = enc.start, {}
        self.ids, self.lengths, self.sizes = {}, torch.tensor([len(b) for b in enc.bytes]), {}
        for domain, files in texts(root).items():
            joined = b"\n".join(files)
            self.sizes[domain] = len(joined)
            n = min(sequences, max(1, len(joined) // (4 * length)))
            rows = []
            for i in range(n):
                at = len(joined) * i // n
                ids = enc.encode(joined[at:at + 12 * length])[:length].astype("int64")
                rows.append(torch.from_numpy(ids))
            length_ = min(len(r) for r in rows) // 16 * 16
            self.ids[domain] = torch.stack([r[:length_] for r in rows])

    @torch.no_grad()
    def domain(self, model: RWKV7, domain: str, linear=F.linear, device="cpu") -> float:
        y = self.ids[domain]
        x = F.pad(y[:, :-1], (1, 0), value=self.start).to(device)
        nats = token_nats(model(x, linear), model.head.weight, y.to(device), linear).double().sum().item()
        return nats / math.log(2) / self.lengths[y].sum().item()

    def bits_per_byte(self, model: RWKV7, linear=F.linear, device="cpu") -> dict[str, float]:
        out = {d: self.domain(model, d, linear, device) for d in self.ids}
        total = sum(self.sizes.values())
        out["all"] = sum(out[d] * self.sizes[d] for d in self.sizes) / total  # as the folders weigh
        return out
