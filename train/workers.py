"""Gradients on a CPU: several single-threaded processes, one sequence at a time.

A small model spends its time in operators of a millisecond, and threads that meet after each of
them wait for each other all day, above all on a machine that other programs use too.  Processes meet
once per step.  Each takes the next sequence of the batch until none is left, so a slow core
simply does fewer; a sequence's activations also fit the cache where a batch's do not.
Every sequence has a slot of its own for its gradient and the slots are added in order: the result
does not depend on who did what.
"""
from __future__ import annotations

import torch
import torch.multiprocessing as mp
from torch import Tensor, nn

from data import Window
from decisions import Decisions
from loss import head_loss
from mixed import Mixing, mixed_loss
from model import RWKV7, Config
from native import kernel
from quantise import Straight


def flatten(model: nn.Module, flat: Tensor) -> None:
    """Make `flat` the storage of all parameters."""
    at = 0
    for p in model.parameters():
        p.data = flat[at:at + p.numel()].view_as(p)
        at += p.numel()


class _Job:
    """What every process shares."""

    def __init__(self, config: Config, windows: list[int], compiled: bool, bf16: bool, rounded: bool,
                 decisions: Decisions | None):
        n = sum(p.numel() for p in RWKV7(config).parameters())
        self.config, self.compiled, self.bf16, self.rounded = config, compiled, bf16, rounded
        self.flat = torch.zeros(n).share_memory_()
        # The longest first, so that the processes are done at about the same time.
        self.windows = sorted(windows, reverse=True)
        self.grads = torch.zeros(len(windows), n).share_memory_()
        self.ids = torch.zeros(len(windows), max(windows) + 1, dtype=torch.int64).share_memory_()
        self.decisions, self.odds = decisions, None
        if decisions:
            self.odds = torch.zeros(len(windows), max(windows), decisions.most, 2, dtype=torch.int8).share_memory_()
        self.losses = torch.zeros(len(windows)).share_memory_()
        self.next = mp.get_context("spawn").Value("i", 0)

    def prepare(self, model: RWKV7) -> None:
        self.model = model
        # One graph for each length: one for all lengths is slower.
        self.forward = torch.compile(model, dynamic=False) if self.compiled else model
        self.linear = Straight(model) if self.rounded else None
        self.mixing = Mixing(self.decisions) if self.decisions else None

    def loss(self, ids: Tensor, odds: Tensor | None) -> Tensor:
        targets, weight = ids[:, 1:], self.model.head.weight
        if self.linear:
            hidden = self.linear.activations(self.forward(ids[:, :-1], self.linear))
            weight = self.linear.weight(weight)
        else:
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                hidden = self.forward(ids[:, :-1])
        if odds is None:
            return head_loss(hidden.float(), weight, targets)
        return mixed_loss(hidden.float(), weight, targets, odds, self.mixing)

    def work(self) -> None:
        if self.linear:
            self.linear.refresh()
        while True:
            with self.next.get_lock():
                i = self.next.value
                self.next.value += 1
            if i >= len(self.ids):
                return
            window = self.windows[i]
            odds = None if self.odds is None else self.odds[i:i + 1, :window]
            loss = self.loss(self.ids[i:i + 1, :window + 1], odds) * (window / sum(self.windows))
            loss.backward()
            self.losses[i] = loss.detach()
            torch.cat([p.grad.flatten() for p in self.model.parameters()], out=self.grads[i])
            for p in self.model.parameters():
                p.grad = None


def _child(job: _Job, pipe) -> None:
    torch.set_num_threads(1)
    model = RWKV7(job.config)
    flatten(model, job.flat)
    job.prepare(model)
    try:
        while True:
            pipe.recv()
            job.work()
            pipe.send(None)
    except EOFError:  # the parent is gone
        pass


class Workers:
    """`count` processes, this one among them, behind one call."""

    def __init__(self, model: RWKV7, count: int, windows: list[int], compiled: bool, bf16: bool,
                 rounded: bool = False, decisions: Decisions | None = None):
        self.count = count
        self.job = _Job(model.config, windows, compiled, bf16, rounded, decisions)
        torch.cat([p.detach().flatten() for p in model.parameters()], out=self.job.flat)
        flatten(model, self.job.flat)
        torch.set_num_threads(1)
        for source in ("wkv7_cpu.cpp", *(["mixed_cpu.cpp"] if decisions else [])):
            kernel(source)  # once, before every process does
        self.pipes = []
        context = mp.get_context("spawn")
        for _ in range(count - 1):
            ours, theirs = context.Pipe()
            context.Process(target=_child, args=(self.job, theirs), daemon=True).start()
            theirs.close()
            self.pipes.append(ours)
        self.job.prepare(model)

    def gradient(self, batch: list[Window]) -> Tensor:
        """The mean loss of the batch's tokens; its gradient goes into the parameters' `.grad`."""
        job = self.job
        for i, window in enumerate(sorted(batch, key=lambda w: len(w.ids), reverse=True)):
            job.ids[i, :len(window.ids)] = window.ids
            if window.odds is not None:
                job.odds[i, :len(window.odds)] = window.odds
        job.next.value = 0
        for p in self.pipes:
            p.send(None)
        job.work()
        for p in self.pipes:
            p.recv()
        total = job.grads.sum(0)
        at = 0
        for p in job.model.parameters():
            p.grad = total[at:at + p.numel()].view_as(p)
            at += p.numel()
        return job.losses.sum()
