"""The weights of mixed.py, for a model: `python fit_mixing.py FLOAT --pack PACK --tokenizer FILE`.

On some windows of a pack with odds, all domains in their shares, the weights of the mix that make its loss least. Prints them,
and the nats per token of contexts alone, of the model alone, and of the mix.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F

from data import Batches
from decisions import Decisions
from export import load
from mixed import CLIP, EDGES, UNIT, Mixing, right_and_wrong
from model import RWKV7, Config
from tokens import Encoder
from train import WEIGHTS


@torch.no_grad()
def gathered(model: RWKV7, batches: Batches, windows: int, mixing: Mixing) -> tuple[torch.Tensor, torch.Tensor]:
    """Log odds of the right answers by the model and by contexts."""
    weight = model.head.weight[mixing.order]
    both = []
    for _ in range(windows):
        for ids, odds in batches.next():
            known = torch.arange(mixing.most) < mixing.count[ids[1:]][:, None]
            right, wrong, *_ = right_and_wrong(model(ids[None, :-1])[0] @ weight.T, ids[1:], known, mixing)
            both.append(torch.stack([(right / wrong).log().float().clamp(-CLIP, CLIP), odds[known] / UNIT]))
    return tuple(torch.cat(both, 1))


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("model", type=Path, metavar="FLOAT")
    ap.add_argument("--pack", type=Path, required=True, help="what odds.py wrote")
    ap.add_argument("--tokenizer", type=Path, required=True)
    ap.add_argument("--windows", type=int, default=60, help="of 1,024 tokens")
    a = ap.parse_args()
    state = load(a.model)
    model = RWKV7(Config.of(state))
    model.load_state_dict(state)
    decisions = Decisions(Encoder(a.tokenizer).bytes)
    mixing = Mixing(decisions)
    said, contexts = gathered(model, Batches(a.pack, WEIGHTS, [1024], 1, decisions), a.windows, mixing)
    nats = lambda x: F.softplus(-x).sum() / (1024 * a.windows)  # noqa: E731
    degree = torch.bucketize(contexts.abs(), mixing.edges)
    weights = torch.full((2, len(EDGES) + 1), 0.5, requires_grad=True)
    mix = lambda: nats(weights[0][degree] * said + weights[1][degree] * contexts)  # noqa: E731
    fit = torch.optim.LBFGS([weights], max_iter=80, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        fit.zero_grad()
        loss = mix()
        loss.backward()
        return loss

    fit.step(step)
    print(f"contexts {nats(contexts):.4f}, model {nats(said):.4f}, mixed {mix().item():.4f}")
    for name, values in zip(("MODEL", "CONTEXTS"), weights.tolist()):
        print(f"{name} = ({', '.join(f'{v:.2f}' for v in values)})")


if __name__ == "__main__":
    main()
