"""What a mixer knows before the first byte (FORMAT.md, section 9.11)."""

from pathlib import Path

import numpy as np

import bypass
from bytesreader import Reader
from errors import ModelMissing
from mixer import NODES
from numeric import F, bits

MODELS = Path(__file__).resolve().parents[2] / "models"


def built_in(profile):
    """The one that belongs to a profile, for codec mix."""
    return stored(profile, (MODELS / f"mix-{profile.id}.prior").read_bytes())


def of_model(profile, model):
    """The one for codec neural: the model file's, if it has one for this profile."""
    if model.prior and model.prior[0] == profile.id:
        return stored(profile, model.prior)
    return lambda mixer: plain(profile, mixer)


def stored(profile, data):
    """Reads the tables; returns what sets a mixer to them."""
    sets, n = len(profile.selectors), len(profile.contexts)
    shapes = [(profile.sets(), profile.width()), (NODES, sets)]
    counts = [2 * n * 256, 32, NODES * 33, bypass.CELLS if profile.without_model else 0]
    if len(data) != 1 + 2 * sum(a * b for a, b in shapes) + 3 * sum(counts):
        raise ModelMissing("the prior has another length")
    reader = Reader(data[1:])
    first, last = (
        np.frombuffer(reader.take(2 * a * b), "<i2").astype(F).reshape(a, b) * F(1 / 4096)
        for a, b in shapes)
    cells, matches, nodes, strengths = (
        [reader.integer(2) << 16 | reader.integer(1) for _ in range(count)] for count in counts)

    def apply(mixer):
        mixer.weights[:] = first
        mixer.last_weights[:, :sets] = last
        mixer.cells = [[cells[256 * (kind * n + i):][:256] for i in range(n)] for kind in (0, 1)]
        mixer.match.cells = list(matches)
        mixer.by_node.cells = list(nodes)
        if mixer.bypass:
            mixer.bypass.by_strength = list(strengths)

    return apply


def plain(profile, mixer):
    """The prior beside a model that has none."""
    mixer.weights[:, :len(profile.contexts)] = bits(0x3D75C28F)  # 0.06
    mixer.weights[:, profile.fixed()] = F(0.25)
    mixer.weights[:, profile.fixed() + 3] = bits(0x3F4CCCCD)  # 0.8
    mixer.last_weights[:, :len(profile.selectors)] = F(0.25)
