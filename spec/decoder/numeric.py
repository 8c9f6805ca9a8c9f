"""Numeric profile q8f32-1 (FORMAT.md, chapter 8).

Every value is binary32. Each operation below is one rounded addition, subtraction or
multiplication; nothing is fused, divided or summed in another order. All functions take scalars
or arrays of np.float32.
"""

import numpy as np

F = np.float32
np.seterr(over="ignore", under="ignore")  # u32 arithmetic wraps; binary32 underflows gradually


def bits(pattern):
    """The binary32 number with this bit pattern."""
    return np.uint32(pattern).view(F)


def from_bits(patterns):
    return np.asarray(patterns, np.uint32).view(F)


def to_bits(x):
    return np.asarray(x, F).view(np.uint32)


ROUND = bits(0x4B400000)  # 1.5 * 2^23
LOG2_E = bits(0x3FB8AA3B)
LN2_HIGH = bits(0x3F318000)
LN2_LOW = bits(0xB95E8083)  # negative
EXP = [bits(b) for b in (0x39506967, 0x3AB743CE, 0x3C088908, 0x3D2AA9C1, 0x3E2AAAAA, 0x3F000000)]
EXP2 = [bits(b) for b in (0x3AADDD0A, 0x3C1E7544, 0x3D635BA9, 0x3E75FCDE, 0x3F317215, 0x3F800000)]
LN = [bits(b) for b in (0x3D9021BB, 0xBDEBD1B8, 0x3DEF251B, 0xBDFE5D4F, 0x3E11E9BF,
                        0xBE2AAE50, 0x3E4CCEAD, 0xBE7FFFFC, 0x3EAAAAAA)]
SQRT_HALF = 0x3F3504F3
ONE_63RD = bits(0x3C820821)
ONE_127TH = bits(0x3C010204)
LAYER_EPSILON = bits(0x3727C5AC)
HEAD_EPSILON = bits(0x3A27C5AC)
DECAY = bits(0xBF60028B)  # -exp(-1/2) * log2(e)
LEAST_SCALE = bits(0x0DA24260)  # 1e-30
LEAST_NORM = bits(0x179ABE15)  # 1e-24
FLUSH = bits((127 - 60) << 23)  # 2^-60
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)


def clamp(x, lo, hi):
    return np.minimum(np.maximum(x, F(lo)), F(hi))


def round_even(x):
    return (x + ROUND) - ROUND


def horner(coefficients, x):
    p = coefficients[0]
    for c in coefficients[1:]:
        p = p * x + c
    return p


def exp(x):
    x = clamp(x, -87, 88)
    n = round_even(x * LOG2_E)
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = horner(EXP, r)
    e = (p * (r * r) + r) + ONE
    scale = from_bits((np.asarray(n, np.int32) + 127).astype(np.uint32) << np.uint32(23))
    return e * scale


def recip(x):
    y = from_bits(np.uint32(0x7EF311C3) - to_bits(x))
    for _ in range(3):
        y = y * (TWO - x * y)
    return y


def rsqrt(x):
    h = HALF * x
    y = from_bits(np.uint32(0x5F3759DF) - (to_bits(x) >> np.uint32(1)))
    for _ in range(3):
        y = y * (F(1.5) - h * (y * y))
    return y


def sigmoid(x):
    return recip(ONE + exp(-clamp(x, -30, 30)))


def exp2(x):
    n = x + ROUND
    r = x - (n - ROUND)
    p = horner(EXP2, r)
    return from_bits(to_bits(p) + (to_bits(n) << np.uint32(23)))


def logistic(x):
    return recip(ONE + exp2(clamp(x, -30, 30) * -LOG2_E))


def tanh(x):
    return ONE - TWO * recip(exp2(clamp(x, -15, 15) * (TWO * LOG2_E)) + ONE)


def ln(x):
    t = to_bits(x) - np.uint32(SQRT_HALF)
    n = (t.view(np.int32) >> 23).astype(F)
    r = from_bits((t & np.uint32(0x007FFFFF)) + np.uint32(SQRT_HALF)) - ONE
    p = horner(LN, r)
    z = r * r
    y = (p * r) * z
    y = y + n * LN2_LOW
    y = y - HALF * z
    return (r + y) + n * LN2_HIGH


def flush(x):
    return np.where(np.abs(x) < FLUSH, ZERO, x)


def strided_sum(x):
    """Sum over the last axis (a multiple of 16 long): sixteen strided partial sums, then halves."""
    parts = x.reshape(x.shape[:-1] + (-1, 16))
    s = np.zeros(x.shape[:-1] + (16,), F)
    for c in range(parts.shape[-2]):
        s = s + parts[..., c, :]
    for half in (8, 4, 2, 1):
        s = s[..., :half] + s[..., half:]
    return s[..., 0]


def sum_in_order(x):
    """Sum over the last axis, one term after the other."""
    s = np.zeros(x.shape[:-1], F)
    for j in range(x.shape[-1]):
        s = s + x[..., j]
    return s


def normalise(x, weight, bias, epsilon, inverse_length):
    """Layer norm over the last axis."""
    mean = strided_sum(x) * inverse_length
    d = x - mean[..., None]
    scale = rsqrt(strided_sum(d * d) * inverse_length + epsilon)
    return (d * scale[..., None]) * weight + bias


def quantise(x, step=ONE_63RD):
    """Integers in [-63, 63], unless `step` says otherwise, and one scale per row of the last axis."""
    most = np.max(np.abs(x), axis=-1, keepdims=True)
    small = most < LEAST_SCALE
    scale = np.where(small, ZERO, most * step)
    q = round_even(x * recip(np.where(small, ONE, scale)))
    return np.where(small, ZERO, q), scale[..., 0]
