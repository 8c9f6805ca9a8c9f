"""The parts of the recipe that must be exact."""
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from corpus import DOMAINS
from data import Batches, Domain, Window
from decisions import Decisions
from export import float_file, int8_file, load
from gpu import Gpu
from grow import deeper, wider, with_ffn
from loss import _fused, _surprise, head_loss
from mixed import CLIP, UNITS, Mixing, _anywhere, _on_cpu, mixed_loss
from model import RWKV7, Config
from optim import optimizers
from quantise import WEIGHT_MAX, Straight, is_matrix, linear, quantise_rows, simulated
from smooth import loudness, smoothed
from stage import join, split
from tokens import Encoder
from train import windows
from workers import Workers

TINY = Config(vocab=300, width=64, layers=2, ffn=128, rank_w=8, rank_a=8, rank_v=8, rank_g=8)
WARM = Path(__file__).resolve().parents[2] / "shared" / "warmstart"


def tiny_state():
    torch.manual_seed(0)
    model = RWKV7(TINY)
    return {k: torch.randn_like(v) for k, v in model.state_dict().items()}


def test_windows_are_seen_once_per_epoch(tmp_path):
    np.arange(1000, dtype=np.uint16).tofile(tmp_path / "x.u16")
    d = Domain(tmp_path / "x.u16", 32, 7)
    firsts = [int(d.next().ids[0]) for _ in range(d.per_epoch)]
    assert len(set(firsts)) == d.per_epoch and all((f - firsts[0]) % 32 == 0 for f in firsts)
    resumed = Domain(tmp_path / "x.u16", 32, 7)
    resumed.given = d.given
    assert torch.equal(resumed.next().ids, d.next().ids)


def test_batches_mix_windows_and_resume(tmp_path):
    for name, size in (("prose", 9000), ("code", 5000)):
        np.arange(size, dtype=np.uint16).tofile(tmp_path / f"{name}.u16")
    assert windows("64 2*32") == [64, 32, 32]
    make = lambda: Batches(tmp_path, {"prose": 3, "code": 1}, windows("64 2*32"), 1)
    batches = make()
    rows = [window.ids for _ in range(8) for window in batches.next()]
    assert [len(row) - 1 for row in rows] == [64, 32, 32] * 8
    assert all((row[1:] - row[:-1] == 1).all() for row in rows)
    resumed = make()
    resumed.load_state_dict(batches.state_dict())
    assert all(torch.equal(a.ids, b.ids) for a, b in zip(resumed.next(), batches.next()))
    for length, count in ((64, 9), (32, 18)):  # each length has the shares, not just all together
        assert abs(batches.domains[f"prose {length}"].given - 3 / 4 * count) <= 1


def test_fused_loss_and_its_gradient():
    x = torch.randn(3, 700, 16, requires_grad=True)
    w = torch.randn(50, 16, requires_grad=True)
    t = torch.randint(0, 50, (3, 700))
    plain = torch.nn.functional.cross_entropy((x @ w.T).reshape(-1, 50), t.reshape(-1))
    expected = torch.autograd.grad(plain, (x, w))
    ours = head_loss(x, w, t)
    assert torch.allclose(ours, plain, atol=1e-5)
    for p, q in zip(torch.autograd.grad(ours, (x, w)), expected):
        assert torch.allclose(p, q, atol=1e-6)


def mixing_and_more(tokenizer, n):
    mixing = Mixing(Decisions(Encoder(tokenizer).bytes))
    vocab = len(mixing.order)
    torch.manual_seed(1)
    x, w = torch.randn(n, 64, requires_grad=True), (torch.randn(vocab, 64) * 0.2).requires_grad_()
    return mixing, x, w, torch.randint(0, vocab, (n,)), torch.randint(-60, 90, (n, mixing.most, 2), dtype=torch.int8)


def test_mixed_loss_is_cross_entropy_where_only_the_model_counts(tokenizer):
    mixing, x, w, targets, odds = mixing_and_more(tokenizer, 200)
    odds[:] = torch.tensor([0, UNITS[1]])
    ours, plain = mixed_loss(0.1 * x, w, targets, odds, mixing), head_loss(0.1 * x, w, targets)
    assert torch.allclose(ours, plain, rtol=1e-5)
    for a, b in zip(torch.autograd.grad(ours, (x, w)), torch.autograd.grad(plain, (x, w))):
        assert torch.allclose(a, b, atol=1e-6)


def test_mixed_loss_and_its_gradient(tokenizer):
    mixing, x, w, targets, odds = mixing_and_more(tokenizer, 200)
    ours = mixed_loss(x, w, targets, odds, mixing)
    exact_x, exact_w = x.detach().double().requires_grad_(), w.detach().double().requires_grad_()
    expected = 0
    for i, target in enumerate(targets.tolist()):  # as it is defined, decision by decision
        p = torch.softmax(exact_w @ exact_x[i], 0)[mixing.order]
        before, first = (0, len(p)), mixing.first[target]
        for k in range(mixing.count[target]):
            lo, hi = mixing.lo[first + k].item(), mixing.hi[first + k].item()
            right, whole = p[lo:hi].sum(), p[before[0]:before[1]].sum()
            rest, share = odds[i, k].double() / torch.tensor(UNITS)
            model = (right / (whole - right)).log()
            mixed = share * model.clamp(-CLIP, CLIP) + rest
            expected = expected + torch.nn.functional.softplus(-mixed) / len(targets)
            before = (lo, hi)
    assert torch.allclose(ours.double(), expected, rtol=1e-5)
    for a, b in zip(torch.autograd.grad(ours, (x, w)), torch.autograd.grad(expected, (exact_x, exact_w))):
        assert torch.allclose(a.double(), b, atol=1e-5)


def test_the_cpus_way_of_mixing_is_the_gpus(tokenizer):
    mixing, x, w, targets, odds = mixing_and_more(tokenizer, 50)
    logits = (x @ w[mixing.order].T).detach()
    for ours, theirs in zip(_on_cpu(logits.clone(), targets, odds, mixing), _anywhere(logits, targets, odds, mixing)):
        assert torch.allclose(torch.as_tensor(ours, dtype=torch.float64), theirs.double(), rtol=1e-4, atol=1e-6)


def test_odds_stay_with_their_tokens(tmp_path, tokenizer):
    d = Decisions(Encoder(tokenizer).bytes)
    ids = np.random.default_rng(0).integers(0, len(d.order), 9000).astype(np.uint16)
    ids.tofile(tmp_path / "prose.u16")
    every = np.concatenate([np.full((d.count[t], 2), t % 128, np.int8) for t in ids])  # every decision says its token
    every.tofile(tmp_path / "prose.odds")
    batches = Batches(tmp_path, {"prose": 1}, [64, 1024], 3, d)
    for window in [w for _ in range(5) for w in batches.next()]:
        for token, says in zip(window.ids[1:].tolist(), window.odds.numpy()):
            assert (says[:d.count[token]] == token % 128).all() and not says[d.count[token]:].any()
    every[1:].tofile(tmp_path / "prose.odds")
    with pytest.raises(ValueError):
        Batches(tmp_path, {"prose": 1}, [64], 3, d)


def test_quantised_rows():
    w = torch.randn(40, 64)
    w[3] = 0
    q, s = quantise_rows(w)
    assert q.abs().max() <= WEIGHT_MAX and s.dtype == torch.float32 and s.isfinite().all() and (s > 0).all()
    # Never worse than plain rounding, which is off by at most half a step.
    assert ((q * s[:, None] - w).norm(dim=1) <= w.abs().amax(1) / WEIGHT_MAX / 2 * 8 + 1e-9).all()


def test_export(tmp_path, tokenizer):
    state = tiny_state()
    float_file(tmp_path / "f.safetensors", state)
    again = load(tmp_path / "f.safetensors")
    assert all(torch.equal(again[k], v.half().float()) for k, v in state.items())
    int8_file(tmp_path / "a.safetensors", state, tokenizer, "tiny")
    int8_file(tmp_path / "b.safetensors", dict(reversed(state.items())), tokenizer, "tiny")
    raw = (tmp_path / "a.safetensors").read_bytes()
    assert raw == (tmp_path / "b.safetensors").read_bytes()
    back = load(tmp_path / "a.safetensors")
    for k, v in state.items():
        assert back[k].shape == v.shape
        assert (back[k] - v).norm() <= (0.02 if is_matrix(k, v) else 0) * v.norm()
    n = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + n])
    meta = header.pop("__metadata__")
    assert meta["format"] == "llz-model-1" and meta["n_embd"] == "64" and meta["vocab_size"] == "300"
    assert json.loads(meta["tokenizer"])["model"]["type"] == "BPE"
    for k, v in state.items():
        if is_matrix(k, v):
            assert header[k]["dtype"] == "I8" and header[k]["shape"] == list(v.shape)
            assert header[k + ".scale"] | {"data_offsets": 0} == {"dtype": "F32", "shape": [v.shape[0]], "data_offsets": 0}
        else:
            assert header[k]["dtype"] == "F32" and header[k]["shape"] == [v.numel()]
    assert max(t["data_offsets"][1] for t in header.values()) == len(raw) - 8 - n


@pytest.mark.skipif(not WARM.exists(), reason="no starting weights here")
def test_model_agrees_with_the_starting_weights_check():
    check = json.loads((WARM / "check.json").read_text())
    state = load(WARM / "rwkv7-d192-l4-v4096.safetensors")
    model = RWKV7(Config.of(state))
    model.load_state_dict(state)
    ids = torch.tensor([check["start_token"], *check["ids"]])
    x = torch.nn.functional.pad(ids[:-1], (0, -(len(ids) - 1) % 16))
    with torch.no_grad():
        logits = model.head(model(x[None])[0, :len(ids) - 1])
    nats = torch.nn.functional.cross_entropy(logits, ids[1:], reduction="none")
    assert torch.allclose(nats, torch.tensor(check["nats"]), atol=1e-3)
    assert torch.allclose(logits[0, :8], torch.tensor(check["logits_first8_of_step0"]), atol=1e-3)


def test_smoothing_changes_loudness_and_nothing_else():
    torch.manual_seed(1)
    model = RWKV7(TINY)
    state = {k: v + 0.1 * torch.randn_like(v) for k, v in model.state_dict().items()}
    state["blocks.0.ln2.weight"][5] = 30.0  # one loud channel
    ids = torch.randint(0, TINY.vocab, (2, 64))
    smooth = smoothed(state, ids, 1.0)

    def logits(state):
        model.load_state_dict(state)
        return model(ids) @ model.head.weight.T

    with torch.no_grad():
        assert torch.allclose(logits(smooth), logits(state), rtol=1e-3, atol=1e-4)
    before, after = (loudness(s, ids)["blocks.0.ffn.key.weight"] for s in (state, smooth))
    assert after[5] / after.median() < 0.7 * before[5] / before.median()


EXACTLY = dict(rtol=0, atol=0)
NEARLY = dict(rtol=1e-3, atol=1e-3)  # sums in another order


@pytest.mark.parametrize("grow, shape, same", [
    (wider, dict(width=128), NEARLY),
    (lambda state: with_ffn(state, 192), dict(ffn=192), NEARLY),
    (lambda state: deeper(state, 3), dict(layers=3), EXACTLY),
    (lambda state: deeper(state, 4), dict(layers=4), EXACTLY),
    (lambda state: deeper(with_ffn(wider(state), 256), 4), dict(width=128, ffn=256, layers=4), NEARLY),
])
def test_a_grown_model_is_larger_and_says_the_same(grow, shape, same):
    state = tiny_state()
    larger = grow(state)
    assert Config.of(larger) == replace(TINY, **shape)
    ids = torch.randint(0, TINY.vocab, (2, 32))

    def logits(state):
        model = RWKV7(Config.of(state))
        model.load_state_dict(state)
        return model(ids) @ model.head.weight.T

    with torch.no_grad():
        assert torch.allclose(logits(larger), logits(state), **same)


def test_copies_of_a_channel_part_ways():
    model = RWKV7(replace(TINY, width=128))
    model.load_state_dict(wider(tiny_state()))
    model(torch.randint(0, TINY.vocab, (2, 32))).square().mul(torch.rand(128)).sum().backward()
    one, other = model.blocks[0].ffn.x_k.grad.chunk(2)
    assert (one - other).norm() > 0.1 * one.norm()


def test_every_parameter_learns_at_one_rate():
    model = RWKV7(TINY)
    rates = [(id(p), g["lr"]) for o in optimizers(model, 0.5, 1.0) for g in o.param_groups for p in g["params"]]
    assert len(rates) == len(dict(rates)) == len(list(model.parameters()))
    assert {rate for _, rate in rates} == {0.5, 1.0, 1.5}


def test_straight_rounds_forward_and_not_backward():
    model = RWKV7(TINY)
    model.load_state_dict(tiny_state())
    straight = Straight(model)
    straight.refresh()
    weight = model.blocks[0].att.key.weight
    x = torch.randn(3, TINY.width, requires_grad=True)
    straight(x, weight).sum().backward()
    assert torch.allclose(x.grad, straight.weight(weight).sum(0).expand_as(x), rtol=1e-5)
    assert torch.allclose(weight.grad[0], straight.activations(x).sum(0), rtol=1e-5)
    with torch.no_grad():
        rounded = simulated({"att.key.weight": weight})["att.key.weight"]
        near = linear(x, rounded)
        assert ((straight(x, weight) - near).norm() / near.norm()) < 0.02  # a coarser search for the scale


def test_parts_make_the_pack_again(tmp_path):
    pack, out = tmp_path / "pack", tmp_path / "stage"
    pack.mkdir()
    rng = np.random.default_rng(0)
    for domain in DOMAINS:
        rng.integers(0, 4096, 5000, np.uint16).tofile(pack / f"{domain}.u16")
    (pack / "pack.json").write_text("{}")
    split(pack, out, 20_000)
    parts = sorted(out.iterdir())
    assert len(parts) > 1
    join(tmp_path / "again", parts)
    for path in pack.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("mixed", [False, True])
def test_the_gpus_way_gives_the_same_gradient(monkeypatch, tokenizer, mixed):
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda t: t)
    decisions = Decisions(Encoder(tokenizer).bytes) if mixed else None
    vocab = len(decisions.order) if mixed else TINY.vocab
    model = RWKV7(replace(TINY, vocab=vocab))
    torch.manual_seed(0)
    model.load_state_dict({k: 0.1 * torch.randn_like(v) for k, v in model.state_dict().items()})
    lengths = [32, 16, 16]
    batch = [Window(torch.randint(0, vocab, (n + 1,)),
                    torch.randint(-60, 90, (n, decisions.most, 2), dtype=torch.int8) if mixed else None) for n in lengths]
    loss = Gpu(model, lengths, False, False, "cpu", decisions).gradient(batch)
    ours = [p.grad.clone() for p in model.parameters()]
    for p in model.parameters():
        p.grad = None
    weight = model.head.weight
    of_window = lambda ids, odds: (  # noqa: E731
        mixed_loss(model(ids[None, :-1]), weight, ids[None, 1:], odds, Mixing(decisions)) if mixed else
        head_loss(model(ids[None, :-1]), weight, ids[None, 1:]))
    want = sum(of_window(*window) * n / 64 for n, window in zip(lengths, batch))
    want.backward()
    assert torch.allclose(loss, want)
    same = lambda: all(torch.allclose(a, p.grad, rtol=1e-3, atol=1e-6) for a, p in zip(ours, model.parameters()))  # noqa: E731
    assert same()
    for p in model.parameters():
        p.grad = None
    assert torch.allclose(loss, Workers(model, 1, lengths, False, False, False, decisions).gradient(batch))
    assert same()


def test_the_gpus_loss_is_the_cpus():
    logits, targets = torch.randn(8, 300), torch.randint(0, 300, (8, 1))
    for a, b in zip(_fused(logits, targets), _surprise(logits, targets)):
        assert torch.allclose(a, b, atol=1e-6)
