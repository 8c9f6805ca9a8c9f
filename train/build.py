"""One command per model, from the corpus to the shipped file:

    python train/build.py small --minutes 100

tokenizer -> packed data (evaluation text kept out) -> training (resumes) -> models/small.safetensors
-> what it is worth.  Steps whose output exists are not repeated; everything but the shipped file
lies in `../training/`, beside the repository.  Flags after `--` go to train.py as they are.
"""
from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent
SHARED = REPOSITORY.parent / "shared"
WARM = SHARED / "warmstart"

# `tokenizer`/`init`: None trains or starts afresh.  Rates: Muon 0.02 from scratch, half for more of the same.
MODELS = {
    "nano": dict(vocab=2048, tokenizer=None, init=None, width=128, layers=3, ffn=384,
                 muon_lr=0.02, adam_lr=2e-3),
    "small": dict(vocab=4096, tokenizer=WARM / "tokenizer.json", init=WARM / "rwkv7-d192-l4-v4096.safetensors",
                  width=192, layers=4, ffn=768, muon_lr=0.012, adam_lr=1.2e-3),
    "base": dict(vocab=8192, tokenizer=None, init=None, width=384, layers=6, ffn=1536,
                 muon_lr=0.02, adam_lr=1.5e-3),
}


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", choices=MODELS)
    length = ap.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float)
    length.add_argument("--end-time")
    ap.add_argument("--work", type=Path, default=REPOSITORY.parent / "training")
    ap.add_argument("--limit", type=int, help="bytes to take of each corpus file (default: all)")
    ap.add_argument("--fresh", action="store_true", help="from random weights even where a start exists")
    ap.add_argument("rest", nargs="*", help="flags for train.py, after --")
    a = ap.parse_args()
    m = MODELS[a.model]

    def run(script: str, *arguments) -> str:
        cmd = [sys.executable, str(HERE / script), *map(str, arguments)]
        print("$", *cmd, flush=True)
        subprocess.run(cmd, check=True)

    a.work.mkdir(parents=True, exist_ok=True)
    corpus, evaluation = SHARED / "corpus", SHARED / "eval-public"
    tokenizer = m["tokenizer"] or a.work / f"tokenizer-{m['vocab']}.json"
    if not tokenizer.exists():
        run("tokens.py", "--corpus", corpus, "--vocab", m["vocab"], "--out", tokenizer)
    pack = a.work / f"pack-{m['vocab']}"
    if not (pack / "pack.json").exists():
        run("pack.py", "--corpus", corpus, "--tokenizer", tokenizer, "--eval", evaluation, "--out", pack,
            *(["--limit", a.limit] if a.limit else []))
    out = a.work / a.model
    init = None if a.fresh else m["init"]
    span = next(["--" + k.replace("_", "-"), getattr(a, k)] for k in ("steps", "minutes", "end_time") if getattr(a, k))
    run("train.py", "--pack", pack, "--tokenizer", tokenizer, "--eval", evaluation, "--out", out, *span,
        *(["--init", init] if init else []), "--muon-lr", m["muon_lr"], "--adam-lr", m["adam_lr"],
        "--vocab", m["vocab"], "--width", m["width"], "--layers", m["layers"], "--ffn", m["ffn"], *a.rest)
    run("export.py", out / "last.pt", "--tokenizer", tokenizer, "--name", a.model,
        "--float", out / f"{a.model}-f16.safetensors", "--int8", REPOSITORY / "models" / f"{a.model}.safetensors")
    run("evaluate.py", out / "last.pt", "--tokenizer", tokenizer, "--eval", evaluation,
        *(["--before", init] if init else []))


if __name__ == "__main__":
    main()
