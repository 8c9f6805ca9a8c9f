"""Gradients on a GPU: one pass per length of window.

The blocks are compiled one by one: all but the first make the same graph, so a model of any depth is ready as soon
as two are, where compiling it whole takes minutes.  No CUDA graphs: gradients add up over the lengths, and a
replay overwrites those of the length before.  Validation, whose shapes differ, runs the model as it is.
"""
from __future__ import annotations

import torch
from torch import Tensor

from data import Window
from decisions import Decisions
from loss import head_loss
from mixed import Mixing, mixed_loss
from model import RWKV7


class Gpu:
    """What `workers.Workers` is for a CPU."""

    def __init__(self, model: RWKV7, windows: list[int], compiled: bool, bf16: bool, device: str,
                 decisions: Decisions | None = None):
        self.model, self.windows, self.bf16, self.device = model, windows, bf16, device
        if compiled:
            torch._dynamo.config.recompile_limit = 4 * len(model.blocks)  # each length, each layer
        self.blocks = [torch.compile(b, dynamic=False) if compiled else b for b in model.blocks]
        self.mixing = Mixing(decisions, device) if decisions else None
        # Compiling takes a while: it is done before the schedule begins.
        nothing = lambda *shape: torch.zeros(shape, dtype=torch.int8)  # noqa: E731
        self.gradient([Window(nothing(n + 1).long(), nothing(n, decisions.most, 2) if decisions else None) for n in windows])
        for p in model.parameters():
            p.grad = None

    def _hidden(self, ids: Tensor) -> Tensor:
        x, v_first = self.model.emb(ids), None
        for block in self.blocks:
            x, v_first = block(x, v_first)
        return self.model.ln_out(x)

    def gradient(self, batch: list[Window]) -> Tensor:
        """The mean loss of the batch's tokens; its gradient goes into the parameters' `.grad`.

        A gradient that is not finite becomes zero, so that one bad step does not cost the run.
        """
        total = torch.zeros((), device=self.device)
        carried = lambda rows: torch.stack(rows).pin_memory().to(self.device, non_blocking=True)  # noqa: E731
        for n in sorted(set(self.windows)):
            some = [window for window in batch if len(window.ids) == n + 1]
            ids = carried([window.ids for window in some])
            with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
                hidden = self._hidden(ids[:, :-1])
            hidden = hidden.bfloat16() if self.bf16 else hidden
            weight, targets = self.model.head.weight, ids[:, 1:]
            if self.mixing:
                loss = mixed_loss(hidden, weight, targets, carried([window.odds for window in some]), self.mixing)
            else:
                loss = head_loss(hidden, weight, targets)
            loss = loss * (len(ids) * n / sum(self.windows))
            loss.backward()
            total += loss.detach()
        for p in self.model.parameters():
            p.grad.nan_to_num_(0, 0, 0)
        return total
