"""Train a model: `python train.py --pack DIR --out DIR [--init FILE] (--minutes M | --end-time HH:MM | --steps N)`.

The same script on a CPU and on a CUDA GPU.  Stop it at will: the same command continues from
`OUT/last.pt`.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import time
from pathlib import Path

import torch

from data import Batches
from decisions import Decisions
from export import load
from gpu import Gpu
from model import RWKV7, Config
from optim import optimizers, rate, set_rate
from tokens import Encoder
from validate import Slices
from workers import Workers

# Shares of the tokens.  Chosen for what people archive, not for what the corpus has most of; wiki
# markup is repeated (its 2.5 MB are seen a few times), nothing else is.
WEIGHTS = dict(prose=0.26, code=0.22, structured=0.18, docs=0.12, multilingual=0.11, wiki=0.06, misc=0.05)


def windows(text: str) -> list[int]:
    """'4096 2*1024' is [4096, 1024, 1024]."""
    parts = (part.rpartition("*") for part in text.split())
    return [int(length) for count, _, length in parts for _ in range(int(count or 1))]


def arguments() -> argparse.Namespace:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--pack", type=Path, required=True, help="what pack.py wrote")
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--eval", type=Path, help="evaluation texts")
    ap.add_argument("--out", type=Path, required=True, help="checkpoints and log")
    ap.add_argument("--init", type=Path, help="safetensors, float or int8, to start from (otherwise: random)")
    for f, d in Config().asdict().items():
        ap.add_argument(f"--{f.replace('_', '-')}", type=int, default=d)
    ap.add_argument("--weights", type=json.loads, default=WEIGHTS, help="domain shares, as JSON")
    ap.add_argument("--windows", type=windows, default="4096 4*1024",
                    help="lengths in tokens of a batch's sequences, default: '%(default)s'")
    ap.add_argument("--muon-lr", type=float, default=0.02)
    ap.add_argument("--adam-lr", type=float, default=2e-3)
    ap.add_argument("--warm", type=float, default=0.01, help="share of the run that warms up")
    ap.add_argument("--decay", type=float, default=0.5, help="share of the run that decays to zero")
    length = ap.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int, help="a run of this many steps (reproducible)")
    length.add_argument("--minutes", type=float, help="a run of this long (on borrowed time)")
    length.add_argument("--end-time", help="a run until HH:MM or HH:MM:SS today")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--workers", type=int, default=os.cpu_count(), help="processes (CPU only)")
    ap.add_argument("--compile", action="store_true")
    ap.add_argument("--bf16", action="store_true", help="autocast; worth it only with bf16 units")
    ap.add_argument("--rounded", action="store_true",
                    help="round weights and activations as inference does: for the last steps (CPU only, not compiled)")
    ap.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    ap.add_argument("--save-minutes", type=float, default=5)
    ap.add_argument("--validate-minutes", type=float, default=15)
    return ap.parse_args()


class Clock:
    """How far the run is, from 0 to 1, by steps or by the wall clock; survives a restart."""

    def __init__(self, a: argparse.Namespace, began: float | None):
        self.steps = a.steps
        self.began = began or time.time()
        if a.end_time:
            h, m, s = map(int, (a.end_time + ":0").split(":")[:3])
            self.end = datetime.datetime.now().replace(hour=h, minute=m, second=s).timestamp()
        elif a.minutes:
            self.end = self.began + a.minutes * 60

    def progress(self, step: int) -> float:
        return step / self.steps if self.steps else (time.time() - self.began) / (self.end - self.began)


def main() -> None:
    a = arguments()
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    log_file = (a.out / "log.txt").open("a", buffering=1)

    def log(text: str) -> None:
        line = f"{datetime.datetime.now():%H:%M:%S} {text}"
        print(line, flush=True)
        log_file.write(line + "\n")

    init = load(a.init) if a.init else None
    config = Config.of(init) if init else Config(**{f: getattr(a, f) for f in Config().asdict()})
    model = RWKV7(config)
    if init:
        model.load_state_dict(init)
    model.to(a.device)
    opts = optimizers(model, a.muon_lr, a.adam_lr)
    info = json.loads((a.pack / "pack.json").read_text())  # only packs that passed the check have one
    if info["vocab_size"] != config.vocab:
        raise SystemExit(f"{a.pack} holds tokens of a {info['vocab_size']}-token vocabulary")
    if not info.get("contamination"):
        log("WARNING: this pack was never checked for evaluation text")
    decisions = Decisions(Encoder(a.tokenizer).bytes) if any(a.pack.glob("*.odds")) else None
    batches = Batches(a.pack, a.weights, a.windows, a.seed, decisions)
    slices = Slices(a.eval, Encoder(a.tokenizer)) if a.eval else None

    step, tokens, seconds, began = 0, 0, 0.0, None
    last = a.out / "last.pt"
    if last.exists():
        s = torch.load(last, map_location=a.device)
        model.load_state_dict(s["model"])
        for o, state in zip(opts, s["optimizers"]):
            o.load_state_dict(state)
        batches.load_state_dict(s["batches"])
        torch.set_rng_state(s["rng"].cpu())
        step, tokens, seconds, began = s["step"], s["tokens"], s["seconds"], s["began"]
        log(f"resumed at step {step}, {tokens / 1e6:.1f} M tokens")

    def save() -> None:
        state = dict(model=model.state_dict(), optimizers=[o.state_dict() for o in opts],
                     batches=batches.state_dict(), rng=torch.get_rng_state(), step=step, tokens=tokens,
                     seconds=seconds, began=clock.began, config=config.asdict())
        torch.save(state, last.with_suffix(".new"))
        last.with_suffix(".new").replace(last)  # never a half-written checkpoint

    def validate() -> None:
        if slices:
            bpb = slices.bits_per_byte(model, device=a.device)
            log(f"valid step {step} tokens {tokens / 1e6:.2f}M " + " ".join(f"{d} {v:.4f}" for d, v in bpb.items()))

    log(f"{sum(p.numel() for p in model.parameters())} parameters, {config.multiply_adds()} multiply-adds per token")
    log(" ".join(f"{k}={v}" for k, v in vars(a).items()))
    if a.rounded and (a.device != "cpu" or a.compile or a.bf16):
        raise SystemExit("--rounded is for a CPU, without --compile and --bf16")
    gradient = (Workers(model, a.workers, a.windows, a.compile, a.bf16, a.rounded, decisions) if a.device == "cpu" else
                Gpu(model, a.windows, a.compile, a.bf16, a.device, decisions)).gradient
    clock = Clock(a, began)

    if step == 0:
        validate()
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    saved = validated = mark = time.time()
    smooth, marked = None, tokens
    while (progress := clock.progress(step)) < 1 and not stop:
        t = time.time()
        factor = rate(progress, a.warm, a.decay)
        set_rate(opts, factor)
        loss = gradient(batches.next())
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for o in opts:
            o.step()
            o.zero_grad(set_to_none=True)
        step += 1
        tokens += sum(a.windows)
        seconds += time.time() - t
        if step % 25 == 0:
            smooth = loss.item() if smooth is None else 0.8 * smooth + 0.2 * loss.item()
            now = time.time()
            log(f"step {step} tokens {tokens / 1e6:.2f}M loss {loss.item():.4f} smooth {smooth:.4f} "
                f"rate {factor:.3f} {(tokens - marked) / (now - mark):.0f} tok/s")
            mark, marked = now, tokens
        if time.time() - saved > 60 * a.save_minutes:
            save()
            saved = time.time()
        if time.time() - validated > 60 * a.validate_minutes:
            validate()
            validated = time.time()
    save()
    if stop:
        log("stopped; the same command continues")
        return
    validate()
    log(f"done: {step} steps, {tokens} tokens, {seconds / 60:.1f} minutes, epochs {batches.epochs()}")


if __name__ == "__main__":
    main()
