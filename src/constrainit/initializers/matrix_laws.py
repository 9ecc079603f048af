"""Laws of the sets of matrices."""

import math
from dataclasses import replace

import numpy as np
from keras import ops

from constrainit._precision import wide_dtype
from constrainit.initializers import _draws, laws
from constrainit.initializers._draws import nth_seed
from constrainit.initializers.laws import Law, Wanted
from constrainit.numerics import is_rotation

_DEGREES = 4


def rotation(fan_in: int, wanted: Wanted) -> Law:
    """Orthogonal matrices of determinant one, uniform among those."""
    law = laws.frame(fan_in, fan_in, wanted)
    turned = _turned(law.draw)
    total = 1.0 if fan_in == 1 else law.total
    return replace(law, text=f"rotations, {law.text}", total=total, draw=turned)


def _turned(draw):
    def rotations(height, width, dtype, seed, where=None):
        q = draw(height, width, dtype, seed)
        # Two columns change places: that is a bijection between the two halves of the group.
        order = np.arange(height)
        order[:2] = order[:2][::-1]
        other = ops.abs(q) if height == 1 else ops.take(q, order, axis=1)
        return ops.where(is_rotation(q), q, other)

    return rotations


def isometry(fan_in: int, fan_out: int, rank: int, largest: float, wanted: Wanted) -> Law:
    """Matrices of a rank whose singular values are equal, up to `largest`, in uniform directions.

    They are what keeps the norm of most inputs, where singular values are bounded.
    """
    full = min(fan_in, fan_out)
    rank = min(rank, full)
    size = min(wanted.gain * math.sqrt(fan_out / rank), largest)
    if rank == full:
        law = laws.frame(fan_in, fan_out, wanted)
        text = f"{size:.4g} times {law.text}"
        draw = _scaled(law.draw, size)
        return replace(law, text=text, total=size * law.total, norm=size * law.norm, draw=draw)
    level = wanted.even and fan_in >= 3

    def draw(height, width, dtype, seed, where=None):
        frame = _draws.level_frame if level else _draws.haar
        left = frame(height, rank, dtype, nth_seed(seed, 0))
        right = _draws.haar(width, rank, dtype, nth_seed(seed, 1))
        return size * (left @ ops.transpose(right))

    text = f"matrices of rank {rank} with singular values {size:.4g}"
    return Law(text, fan_in, 0.0, size * math.sqrt(rank / fan_out), draw)


def _scaled(draw, factor):
    return lambda *size, **named: factor * draw(*size, **named)


def wishart(fan_in: int, minimum: float, wanted: Wanted) -> Law:
    """Positive definite matrices with columns of the wanted norm."""
    degrees = _DEGREES * fan_in
    even = wanted.even and fan_in >= 3
    # With even sums: a Wishart matrix across the diagonal of all axes, and one along it.
    rank = fan_in - 1 if even else fan_in
    square = (rank * (1 + (rank + 1) / degrees) + even) / fan_in
    room = max(wanted.gain**2 - minimum**2, 0.0)
    factor = (math.sqrt(minimum**2 + square * room) - minimum) / square
    factor = max(factor, 0.1 * minimum)

    def draw(height, width, dtype, seed, where=None):
        b = _draws.normal((height, degrees), dtype, seed) / math.sqrt(degrees)
        if even:
            b = b - ops.mean(b, axis=0, keepdims=True)
        w = b @ ops.transpose(b) + (1.0 / height if even else 0.0)
        return factor * w + minimum * ops.eye(height, dtype=wide_dtype(dtype))

    norm = math.sqrt(minimum**2 + 2 * minimum * factor + factor**2 * square)
    text = f"Wishart matrices of {degrees} degrees of freedom, columns of norm about {norm:.4g}"
    text += ", all of one sum" if even else ""
    return Law(text, fan_in, minimum + factor, norm, draw)


def correlations(fan_in: int, wanted: Wanted) -> Law:
    """Correlations of uniform directions, as many dimensions as the wanted norm asks for."""
    excess = max(wanted.gain**2 - 1.0, 1e-9)
    degrees = min(max(round((fan_in - 1) / excess), 2), 8 * fan_in)
    norm = math.sqrt(1.0 + (fan_in - 1) / degrees)

    def draw(height, width, dtype, seed, where=None):
        b = _draws.sphere(degrees, height, dtype, seed, least=math.inf)
        return ops.transpose(b) @ b

    text = f"correlations of directions in {degrees} dimensions"
    return Law(text, fan_in, 1.0, norm, draw)


def skew(fan_in: int, wanted: Wanted) -> Law:
    """Skew-symmetric matrices with columns of the wanted norm."""
    if fan_in == 1:
        return laws.nothing(1)
    even = wanted.even and not wanted.masked and fan_in >= 3
    square = (fan_in - 1) * (fan_in - 2) / fan_in if even else fan_in - 1.0

    def draw(height, width, dtype, seed, where=None):
        w = _draws.normal((height, height), dtype, seed)
        w = (w - ops.transpose(w)) / math.sqrt(2.0)
        if even:
            w = w - ops.mean(w, axis=0, keepdims=True)
            w = w - ops.mean(w, axis=1, keepdims=True)
        if where is None:
            return w * (wanted.gain / math.sqrt(square))
        both = ops.logical_and(where, ops.transpose(where))
        both = ops.logical_and(both, ops.eye(height) < 0.5)
        count = ops.sum(ops.cast(both, w.dtype), axis=0, keepdims=True)
        return wanted.gain * _draws.only(w, both) / ops.sqrt(ops.maximum(count, 1.0))

    text = f"skew-symmetric normal weights, columns of norm about {wanted.gain:.4g}"
    return Law(text + (" and sum 0" if even else ""), fan_in, 0.0, wanted.gain, draw)
