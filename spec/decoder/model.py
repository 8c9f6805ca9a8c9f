"""The model file and the RWKV-7 forward pass (FORMAT.md, chapters 8 and 12)."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

import vocabulary
from errors import Corrupt, ModelMissing, Unsupported
from numeric import (DECAY, F, HEAD_EPSILON, LAYER_EPSILON, LEAST_NORM, LOG2_E, ONE, ONE_127TH, ZERO,
                     exp2, flush, ln, logistic, normalise, quantise, recip, rsqrt, strided_sum,
                     sum_in_order, tanh)

MODELS = Path(__file__).resolve().parents[2] / "models"
HEAD = 64
NUMERIC_PROFILE = 1
SPAN = 32  # tokens between two times that the decays are multiplied in


class File:
    """A safetensors file: an 8-byte length, a JSON header, the tensors' bytes."""

    def __init__(self, data):
        length = int.from_bytes(data[:8], "little")
        self.header = json.loads(data[8:8 + length])
        self.metadata = self.header.pop("__metadata__", {})
        self.data = data[8 + length:]

    def raw(self, name):
        if name not in self.header:
            raise ModelMissing(f"the model has no tensor {name}")
        entry = self.header[name]
        begin, end = entry["data_offsets"]
        return entry["dtype"], entry["shape"], self.data[begin:end]

    def floats(self, name):
        dtype, shape, data = self.raw(name)
        if dtype == "F32":
            values = np.frombuffer(data, "<f4")
        elif dtype == "F16":
            values = np.frombuffer(data, "<f2")
        elif dtype == "BF16":
            values = (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(F)
        else:
            raise ModelMissing(f"tensor {name} is not of a float type")
        return values.astype(F).reshape(shape)

    def vector(self, name):
        return self.floats(name).reshape(-1)

    def matrix(self, name, rows=None, cols=None):
        """A matrix of `rows` × `cols`, where one may be left open."""
        dtype, (a, b), data = self.raw(name)
        fits = lambda a, b: rows in (None, a) and cols in (None, b)
        if dtype == "I8":
            if not fits(a, b):
                raise ModelMissing(f"tensor {name} has another shape")
            weights = np.frombuffer(data, np.int8).reshape(a, b)
            return Matrix(weights.astype(np.float64), self.vector(name + ".scale"))
        values = self.floats(name)
        if not fits(a, b):
            values = np.ascontiguousarray(values.T)
        return Matrix(*quantise(values, ONE_127TH))


@dataclass
class Matrix:
    """Integers in binary64, whose products and sums are exact, and a scale per row."""

    weights: np.ndarray
    scales: np.ndarray

    def __post_init__(self):
        self.weights = self.weights.astype(np.float64)

    def apply(self, quantised):
        q, scale = quantised
        exact = self.weights @ q.astype(np.float64)
        return exact.astype(F) * (scale * self.scales)


class Model:
    def __init__(self, data):
        self.sha256 = hashlib.sha256(data).digest()
        file = File(data)
        if "tokenizer" not in file.metadata:
            raise ModelMissing("the model file has no tokenizer")
        self.vocabulary = vocabulary.from_tokenizer(file.metadata["tokenizer"])
        order = self.vocabulary.order
        self.embedding = file.matrix("emb.weight", rows=len(order))
        self.width = self.embedding.weights.shape[1]
        self.head = file.matrix("head.weight", len(order), self.width)
        for matrix in (self.embedding, self.head):  # rows by rank
            matrix.weights, matrix.scales = matrix.weights[order], matrix.scales[order]
        self.inverse_width = recip(F(self.width))
        self.input_norm = norm(file, "blocks.0.ln0")
        self.output_norm = norm(file, "ln_out")
        self.layers = []
        while f"blocks.{len(self.layers)}.ln1.weight" in file.header:
            self.layers.append(Layer(file, len(self.layers), self.width))
        self.prior = file.raw("llz.prior")[2] if "llz.prior" in file.header else None

    def norm(self, x, weight_and_bias):
        return normalise(x, *weight_and_bias, LAYER_EPSILON, self.inverse_width)

    def new_state(self):
        return State(len(self.layers), self.width)

    def step(self, state, token):
        """Reads a token (a rank); returns the hidden vector and the logits of the next."""
        e = self.embedding.weights[token].astype(F) * self.embedding.scales[token]
        x = self.norm(e, self.input_norm)
        first = None
        for index, layer in enumerate(self.layers):
            y, first = layer.time_mix(self, state, index, self.norm(x, layer.ln1), first)
            x = x + y
            x = x + layer.channel_mix(state, index, self.norm(x, layer.ln2))
        state.tokens += 1
        hidden = self.norm(x, self.output_norm)
        return hidden, self.head.apply(quantise(hidden))

    def fingerprint(self):
        """FNV-1a over the cumulative frequencies after each of sixteen tokens."""
        state, hash = self.new_state(), 0xCBF29CE484222325
        for i in range(16):
            token = (i * 2654435761 & 0xFFFFFFFF) % len(self.vocabulary.tokens)
            _, logits = self.step(state, token)
            for byte in frequencies(logits).astype("<u8").tobytes():
                hash = (hash ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        return hash


class State:
    """What one chunk's pass remembers."""

    def __init__(self, layers, width):
        self.time = np.zeros((layers, width), F)
        self.channel = np.zeros((layers, width), F)
        # Per layer and head a matrix; rows are value indices, columns key indices.
        self.wkv = np.zeros((layers, width // HEAD, HEAD, HEAD), F)
        # What each column is still to be multiplied by.
        self.decays = np.ones((layers, width // HEAD, HEAD), F)
        self.tokens = 0  # that have been read


def norm(file, name):
    return file.vector(name + ".weight"), file.vector(name + ".bias")


class LowRank:
    """A pair of matrices through a narrow middle."""

    def __init__(self, file, name, width):
        down = file.raw(name + "1")[1]
        rank = down[0] if down[1] == width else down[1]
        self.down = file.matrix(name + "1", rank, width)
        self.up = file.matrix(name + "2", width, rank)

    def apply(self, quantised, activation=lambda x: x):
        return self.up.apply(quantise(activation(self.down.apply(quantised))))


class Layer:
    def __init__(self, file, index, width):
        block = f"blocks.{index}."
        att, ffn = block + "att.", block + "ffn."
        self.ln1, self.ln2 = norm(file, block + "ln1"), norm(file, block + "ln2")
        self.mixes = {c: file.vector(att + "x_" + c) for c in "rwkvag"}
        square = lambda name: file.matrix(f"{att}{name}.weight", width, width)
        self.receptance, self.key = square("receptance"), square("key")
        self.value, self.output = square("value"), square("output")
        low = lambda c: LowRank(file, att + c, width)
        self.decay, self.rate, self.gate = low("w"), low("a"), low("g")
        self.w0, self.a0 = file.vector(att + "w0"), file.vector(att + "a0")
        if index > 0:
            self.residual, self.v0 = low("v"), file.vector(att + "v0")
        heads = lambda name: file.vector(att + name).reshape(-1, HEAD)
        self.k_k, self.k_a, self.r_k = heads("k_k"), heads("k_a"), heads("r_k")
        self.ln_x = heads("ln_x.weight"), heads("ln_x.bias")
        self.x_k = file.vector(ffn + "x_k")
        inner = file.raw(ffn + "key.weight")[1]
        inner = inner[0] if inner[1] == width else inner[1]
        self.up = file.matrix(ffn + "key.weight", inner, width)
        self.down = file.matrix(ffn + "value.weight", width, inner)

    def time_mix(self, model, state, index, x, first):
        previous = state.time[index].copy()
        state.time[index] = x
        mixed = {c: quantise(x + (previous - x) * m) for c, m in self.mixes.items()}
        r = self.receptance.apply(mixed["r"])
        k = self.key.apply(mixed["k"])
        v = self.value.apply(mixed["v"])
        w = exp2(logistic(self.w0 + self.decay.apply(mixed["w"], tanh)) * DECAY)
        a = logistic(self.a0 + self.rate.apply(mixed["a"]))
        g = self.gate.apply(mixed["g"], logistic)
        if index == 0:
            first = v
        else:
            v = v + (first - v) * logistic(self.v0 + self.residual.apply(mixed["v"]))
        r, w, k, v, a, g = (t.reshape(-1, HEAD) for t in (r, w, k, v, a, g))

        # The removal key, normalised; the key, scaled.
        removal = k * self.k_k
        total = strided_sum(removal * removal)
        removal = removal * rsqrt(np.maximum(total, LEAST_NORM))[:, None]
        scaled = removal * a
        k = k * (ONE + (a - ONE) * self.k_a)

        # The recurrent state, rows by value and columns by key, is s · decays.
        s, decays = state.wkv[index], state.decays[index]
        if state.tokens % SPAN == 0:
            s, decays = flush(s * decays[:, None, :]), np.ones_like(decays)
        removed = sum_in_order(s * (-removal * decays)[:, None, :])
        decays = decays * w
        inverse = recip(decays)
        s = s + removed[:, :, None] * (scaled * inverse)[:, None, :]
        s = s + v[:, :, None] * (k * inverse)[:, None, :]
        state.wkv[index], state.decays[index] = s, decays
        y = sum_in_order(s * (r * decays)[:, None, :])

        y = normalise(y, *self.ln_x, HEAD_EPSILON, F(1 / 64))
        bonus = strided_sum((r * k) * self.r_k)
        y = (y + bonus[:, None] * v) * g
        return self.output.apply(quantise(y.reshape(-1))), first

    def channel_mix(self, state, index, x):
        previous = state.channel[index].copy()
        state.channel[index] = x
        inner = self.up.apply(quantise(x + (previous - x) * self.x_k))
        inner = np.maximum(inner, ZERO)
        return self.down.apply(quantise(inner * inner))


@cache
def load(file):
    return Model(file.read_bytes())


def built_in(name):
    return load(MODELS / f"{name}.safetensors")


@cache
def parse(data):
    try:
        return Model(data)
    except (ValueError, KeyError, IndexError) as e:
        raise ModelMissing("the file is no model") from e


def parse_embedded(named, data):
    if hashlib.sha256(data).digest() != named.sha256:
        raise Corrupt("the model in the archive is another than it names")
    return parse(bytes(data))


@dataclass
class Named:
    """A model as section MODL names it."""

    sha256: bytes
    name: str
    tokenizer: bytes
    numeric: int  # the numeric profile; None where a device is needed
    fingerprint: int


def read_name(reader):
    """The payload of a section MODL."""
    fields = reader.fields((0, 1, 2, 4), (0, 2, 4))
    name = fields[1].all(lambda field: field.name(field.left())) if 1 in fields else ""
    sha256, tokenizer = (fields[i].all(lambda f, n=n: f.take(n)) for i, n in ((0, 32), (2, 8)))
    return Named(sha256, name, tokenizer, *fields[4].all(read_engine))


def read_engine(field):
    kind, numeric = field.integer(1), None
    if kind == 0:
        numeric = field.integer(1)
    elif kind == 1:
        _adapter, _driver, _backend = field.name(), field.name(), field.name()
        if not 1 <= field.varint() < 1 << 32:
            raise Corrupt("a schedule without lanes")
    else:
        raise Unsupported(f"an engine of kind {kind}")
    return numeric, field.integer(8)


def find_model(named, file, embedded=None):
    """The model that is named, from `file` or else from among the built-in ones, or else what `embedded` gives."""
    if named.numeric != NUMERIC_PROFILE:
        raise Unsupported("a device or another numeric profile")
    for path in [file] if file else sorted(MODELS.glob("*.safetensors")):
        model = load(path)
        if model.sha256 == named.sha256:
            break
    else:
        model = embedded and parse_embedded(named, embedded())
    if not model:
        raise ModelMissing(f"the model {named.name} with SHA-256 {named.sha256.hex()} is needed")
    if named.tokenizer != model.vocabulary.id:
        raise ModelMissing("the vocabulary is another")
    if named.fingerprint != model.fingerprint():
        raise ModelMissing("this arithmetic does not reproduce the fingerprint")
    return model


def frequencies(logits):
    """Cumulative integer frequencies in rank order, one longer than the logits."""
    x = np.maximum((logits - logits.max()) * LOG2_E, F(-126))
    e = exp2(x) * F(1 << 28)
    return np.concatenate(([0], np.cumsum(1 + e.astype(np.int64))))


def log_odds(cumulative, node):
    """The model's log odds of answer 1."""
    lo, mid, hi = (int(cumulative[i]) for i in (node.lo, node.mid, node.hi))
    odds = ln(F(hi - mid)) - ln(F(mid - lo))
    return -odds if node.kind == vocabulary.END else odds
