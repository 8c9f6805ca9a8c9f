"""Gradient check of the WKV-7 kernels against plain PyTorch in double precision."""
import re
from pathlib import Path

import pytest
import torch
from torch.utils.cpp_extension import load_inline

from wkv7 import wkv7, wkv7_reference

HERE = Path(__file__).parent
CUDA_TOLERANCE = 1e-4  # it undoes updates where the CPU kernel recomputes them


def inputs(device="cpu", seed=0, shape=(2, 48, 3, 64)):
    g = torch.Generator().manual_seed(seed)
    r, k, v = (torch.randn(shape, generator=g) * 0.5 for _ in range(3))
    w = torch.exp(-0.606531 * torch.sigmoid(torch.randn(shape, generator=g) * 2))
    # As in the model: a is minus a unit vector, b the same vector gated.
    kk = torch.nn.functional.normalize(torch.randn(shape, generator=g), dim=-1)
    gate = torch.sigmoid(torch.randn(shape, generator=g))
    return [x.to(device) for x in (r, w, k, v, -kk, kk * gate)], torch.randn(shape, generator=g).to(device)


def check(tolerance, **kind):
    xs, dy = inputs(**kind)
    ours = [x.clone().requires_grad_() for x in xs]
    wkv7(*ours).backward(dy)
    exact = [x.double().cpu().requires_grad_() for x in xs]
    y = wkv7_reference(*exact)
    y.backward(dy.double().cpu())
    with torch.no_grad():
        error = lambda p, q: ((p.double().cpu() - q).norm() / q.norm()).item()  # noqa: E731
        assert error(wkv7(*xs), y) < tolerance
        for name, p, q in zip("rwkvab", ours, exact):
            assert error(p.grad, q.grad) < tolerance, (name, error(p.grad, q.grad))


def test_cpu():
    check(1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_cuda():
    check(CUDA_TOLERANCE, device="cuda")


def test_cuda_on_cpu(monkeypatch):
    """The CUDA kernel where there is no GPU (see cuda_on_cpu.h)."""
    source = (HERE / "wkv7_cuda.cu").read_text()
    source = re.sub(r"#include <c10/cuda/.*>", "", source)
    source = re.sub(r"(\w+)<<<(.*)>>>", r"fibers::launch(\1, \2)", source)
    kernel = load_inline("llz_wkv7_cuda_on_cpu", ['#include "cuda_on_cpu.h"\n' + source],
                         extra_cflags=["-O2", "-Wno-unknown-pragmas"], extra_include_paths=[str(HERE)])
    monkeypatch.setattr("wkv7._kernel", lambda device: kernel)
    for shape in ((2, 48, 3, 64), (1, 16, 1, 64), (3, 80, 2, 64)):
        check(CUDA_TOLERANCE, shape=shape)
    with pytest.raises(RuntimeError, match="multiple of 16"):
        wkv7(*inputs(shape=(1, 40, 1, 64))[0])


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__]))
