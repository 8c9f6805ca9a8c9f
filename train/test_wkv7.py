"""Gradient check of the WKV-7 kernel against plain PyTorch in double precision."""
import torch

from wkv7 import wkv7, wkv7_reference


def inputs(device="cpu", seed=0, shape=(2, 48, 3, 64)):
    g = torch.Generator().manual_seed(seed)
    r, k, v = (torch.randn(shape, generator=g) * 0.5 for _ in range(3))
    w = torch.exp(-0.606531 * torch.sigmoid(torch.randn(shape, generator=g) * 2))
    # As in the model: a is minus a unit vector, b the same vector gated.
    kk = torch.nn.functional.normalize(torch.randn(shape, generator=g), dim=-1)
    gate = torch.sigmoid(torch.randn(shape, generator=g))
    return [x.to(device) for x in (r, w, k, v, -kk, kk * gate)], torch.randn(shape, generator=g).to(device)


def check(device, tolerance):
    xs, dy = inputs(device)
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
    check("cpu", 1e-5)


def test_cuda():
    if torch.cuda.is_available():
        check("cuda", 1e-4)  # it undoes updates where the CPU kernel recomputes them


if __name__ == "__main__":
    test_cpu()
    test_cuda()
    print("ok")
