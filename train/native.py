"""Kernels in C++ and CUDA, compiled at first use, for this machine, into torch's extension cache."""
from __future__ import annotations

import functools
import os
import sys
from pathlib import Path

_HERE = Path(__file__).parent
# A virtual environment's ninja is beside its python, on the PATH or not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@functools.cache
def kernel(source: str):
    """The module that a file beside this one makes."""
    from torch.utils.cpp_extension import load
    name, path = f"llz_{Path(source).stem}", [str(_HERE / source)]
    if source.endswith(".cu"):
        return load(name, path, extra_cuda_cflags=["-O3", "--use_fast_math"])
    return load(name, path, extra_cflags=["-O3", "-march=native", "-ffast-math", "-fopenmp"], extra_ldflags=["-lgomp"])
