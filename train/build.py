"""One command per model, from the corpus to the shipped file:

    python train/build.py small --minutes 100

tokenizer -> packed data (evaluation text kept out) -> training (resumes) -> with --finish, more of it inside the
mixer -> models/small.safetensors, mixer prior included -> what rounding costs, and what llz makes of eval-public
with it.  `base` begins as `small` does, larger.  Steps whose output exists are not repeated; everything but the
shipped file lies in `../training/`, beside the repository.  Flags after `--` go to train.py as they are.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
SHARED = REPOSITORY.parent / "shared"

VOCAB = 4096
# Rates: from scratch; half for more of the same.
MODELS = {
    "nano": dict(smooth=False, muon_lr=0.02, adam_lr=3e-3,
                 shape=dict(width=128, layers=2, ffn=512, rank_w=16, rank_a=16, rank_v=16, rank_g=32)),
    "small": dict(smooth=True, muon_lr=0.02, adam_lr=3e-3, shape=dict(width=256, layers=3, ffn=512)),
    # It begins with what `small` learned from a billion tokens.
    "base": dict(smooth=True, muon_lr=0.015, adam_lr=2.5e-3, grows_from="small", by=["--wider", "--ffn", 1536, "--layers", 4]),
}
# A model that has learned is to move, not to begin again: a tenth of the rates, falling from the start.
FINISH = ["--muon-lr", 0.003, "--adam-lr", 3e-4, "--warm", 0.02, "--decay", 0.98]


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", choices=MODELS)
    length = ap.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
    length.add_argument("--end-time")
    ap.add_argument("--finish", type=float, metavar="MINUTES",
                    help="train on for so long with the loss of a model inside the mixer (mixed.py)")
    ap.add_argument("--work", type=Path, default=REPOSITORY.parent / "training")
    ap.add_argument("--limit", type=int, help="bytes to take of each corpus file (default: all)")
    # argparse gives what follows -- to the positional argument before the flags.
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[:own.index("--")], own[own.index("--") + 1:]
    a = ap.parse_args(own)
    m = MODELS[a.model]

    a.work = a.work.resolve()

    def call(*command) -> None:
        print("$", *map(str, command[:12]), "…" if len(command) > 12 else "", flush=True)
        subprocess.run([*map(str, command)], cwd=REPOSITORY, check=True)

    def run(script: str, *arguments) -> None:
        call(sys.executable, HERE / script, *arguments)

    a.work.mkdir(parents=True, exist_ok=True)
    corpus, evaluation = SHARED / "corpus", SHARED / "eval-public"
    out = a.work / a.model
    out.mkdir(exist_ok=True)
    span = next([flag, value] for flag, value in (("--steps", a.steps), ("--minutes", a.minutes), ("--end-time", a.end_time)) if value)
    call("cargo", "build", "--release", "--quiet", "--bins")
    call("cargo", "build", "--release", "--quiet", "--package", "llz-tools")
    train_prior = REPOSITORY / "target" / "release" / "train_prior"

    tokenizer = SHARED / "warmstart" / "tokenizer.json"  # that of the models so far
    if not tokenizer.exists():
        tokenizer = a.work / f"tokenizer-{VOCAB}.json"
    if not tokenizer.exists():
        run("tokens.py", "--corpus", corpus, "--vocab", VOCAB, "--out", tokenizer)
    pack, odds = a.work / f"pack-{VOCAB}", out / "odds"
    if not (pack / "pack.json").exists():
        run("pack.py", "--corpus", corpus, "--tokenizer", tokenizer, "--eval", evaluation, "--out", pack,
            *(["--limit", a.limit] if a.limit else []))

    def train(data: Path, to: Path, *arguments) -> Path:
        run("train.py", "--pack", data, "--tokenizer", tokenizer, "--eval", evaluation, "--out", to, *arguments)
        return to / "last.pt"

    def learn_prior(model: Path) -> None:
        excerpts, cache = a.work / "excerpts", out / "cache"
        if not excerpts.exists():
            run("prior_sample.py", corpus, excerpts)
        call(train_prior, "collect", model, cache, 100_000, *sorted(excerpts.iterdir()))
        call(train_prior, "train", model, cache, out)
        cache.unlink()
        run("add_prior.py", model, out / f"{a.model}.prior")

    if "grows_from" in m:
        grown = out / "grown.safetensors"
        if not grown.exists():
            run("grow.py", REPOSITORY / "models" / f"{m['grows_from']}.safetensors", grown, *m["by"])
        begin = ["--init", grown]
    else:
        begin = ["--vocab", VOCAB, *(word for name, value in m["shape"].items() for word in (f"--{name.replace('_', '-')}", value))]
    trained = train(pack, out, *span, "--muon-lr", m["muon_lr"], "--adam-lr", m["adam_lr"], *begin, *rest)
    if a.finish:
        if not (odds / "pack.json").exists():
            plain = out / "plain.safetensors"
            run("export.py", trained, "--tokenizer", tokenizer, "--name", a.model, "--int8", plain)
            learn_prior(plain)
            run("odds.py", pack, odds, "--tokenizer", tokenizer, "--model", plain, "--mixer", train_prior)
        trained = train(odds, out / "finish", *rest, *FINISH, "--minutes", a.finish, "--init", trained)  # whatever it began from
    model, floats = REPOSITORY / "models" / f"{a.model}.safetensors", out / f"{a.model}-f16.safetensors"
    run("export.py", trained, "--tokenizer", tokenizer, "--name", a.model, *(["--smooth", pack] if m["smooth"] else []),
        "--float", floats, "--int8", model)

    learn_prior(model)

    run("coded.py", model, "--eval", evaluation)
    run("evaluate.py", floats, "--tokenizer", tokenizer, "--eval", evaluation)
    # Last, because it fails the run if rounding costs too much.
    run("rounding.py", floats, model, "--tokenizer", tokenizer, "--eval", evaluation)


if __name__ == "__main__":
    main()
