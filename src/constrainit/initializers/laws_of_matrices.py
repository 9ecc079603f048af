"""Laws of the sets of matrices."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
from keras import ops

from constrainit._precision import wide_dtype
from constrainit.initializers import _draws, _draws_of_matrices
from constrainit.initializers._draws import nth_seed
from constrainit.initializers.laws import Law, Wanted, nothing
from constrainit.numerics import from_diagonals, from_first_row, is_rotation

_DEGREES = 4


def frame(fan_in: int, fan_out: int, wanted: Wanted) -> Law:
    """Orthonormal columns, or rows where wide."""
    norm = min(1.0, math.sqrt(fan_in / fan_out))
    text = "orthonormal columns" if fan_in >= fan_out else "orthonormal rows"
    if not wanted.even or min(fan_in, fan_out) < 3:
        return Law(text, fan_in, 0.0, norm, _draws.unmasked(_draws_of_matrices.haar))
    total = norm if fan_in <= fan_out else 0.0
    text += f", all columns of sum {total:.4g}"
    return Law(text, fan_in, total, norm, _draws.unmasked(_draws_of_matrices.level_frame))


def rotation(fan_in: int, wanted: Wanted) -> Law:
    """Orthogonal matrices of determinant one, uniform among those."""
    law = frame(fan_in, fan_in, wanted)
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


def isometry(
    fan_in: int, fan_out: int, rank: int, largest: float, wanted: Wanted, least: float = 0.0
) -> Law:
    """Matrices of a rank with equal singular values, in bounds, in uniform directions.

    They are what keeps the norm of most inputs, where singular values are bounded.
    """
    full = min(fan_in, fan_out)
    rank = min(rank, full)
    size = max(min(wanted.gain * math.sqrt(fan_out / rank), largest), least)
    if rank == full:
        law = frame(fan_in, fan_out, wanted)
        text = f"{size:.4g} times {law.text}"
        draw = _draws.scaled(law.draw, size)
        return replace(law, text=text, total=size * law.total, norm=size * law.norm, draw=draw)
    level = wanted.even and fan_in >= 3

    def draw(height, width, dtype, seed, where=None):
        frame = _draws_of_matrices.level_frame if level else _draws_of_matrices.haar
        left = frame(height, rank, dtype, nth_seed(seed, 0))
        right = _draws_of_matrices.haar(width, rank, dtype, nth_seed(seed, 1))
        return size * (left @ ops.transpose(right))

    text = f"matrices of rank {rank} with singular values {size:.4g}"
    return Law(text, fan_in, 0.0, size * math.sqrt(rank / fan_out), draw)


def mirrored(fan_in: int, wanted: Wanted) -> Law:
    """Symmetric matrices with columns of the wanted norm."""
    gain, even = wanted.gain, wanted.even and fan_in >= 3
    text = f"symmetric normal weights, columns of norm about {gain:.4g}"
    draw = _draws.scaled(partial(_draws_of_matrices.symmetric, even=even), gain)
    text += " and sum 0" if even else ""
    return Law(text, fan_in, 0.0, gain, draw, radius=2.0)


def skew(fan_in: int, wanted: Wanted) -> Law:
    """Skew-symmetric matrices with columns of the wanted norm."""
    if fan_in == 1:
        return nothing(1)
    gain, even = wanted.gain, wanted.even and not wanted.masked and fan_in >= 3
    text = f"skew-symmetric normal weights, columns of norm about {gain:.4g}"
    draw = _draws.scaled(partial(_draws_of_matrices.skew, even=even), gain)
    text += " and sum 0" if even else ""
    return Law(text, fan_in, 0.0, gain, draw, radius=2.0)


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
    radius = (minimum + factor * (1 + _DEGREES**-0.5) ** 2) / norm
    return Law(text, fan_in, minimum + factor, norm, draw, radius=radius)


def projector(fan_in: int, rank: int, wanted: Wanted) -> Law:
    """Positive semidefinite matrices of a rank with equal eigenvalues, in uniform directions."""
    size = wanted.gain * math.sqrt(fan_in / rank)
    level = wanted.even and fan_in >= 3
    frame = _draws_of_matrices.level_frame if level else _draws_of_matrices.haar

    def draw(height, width, dtype, seed, where=None):
        u = frame(height, rank, dtype, seed)
        return size * (u @ ops.transpose(u))

    text = f"matrices of rank {rank} with eigenvalues {size:.4g}"
    text += ", columns of sum 0" if level else ""
    total = 0.0 if level else size * rank / fan_in
    return Law(text, fan_in, total, wanted.gain, draw, radius=size / wanted.gain)


def dissipative(fan_in: int, rate: float, wanted: Wanted) -> Law:
    """Minus a positive definite matrix, and a skew-symmetric one, each half of the square."""
    half = replace(wanted, gain=wanted.gain * math.sqrt(0.5))
    damped = wishart(fan_in, rate, half)
    room = math.sqrt(max(wanted.gain**2 - damped.norm**2, half.gain**2))
    turned = skew(fan_in, replace(wanted, gain=room))

    def draw(height, width, dtype, seed, where=None):
        definite = damped.draw(height, width, dtype, nth_seed(seed, 0))
        return turned.draw(height, width, dtype, nth_seed(seed, 1)) - definite

    norm = math.hypot(damped.norm, turned.norm)
    text = f"{turned.text}, minus {damped.text}"
    radius = (damped.radius * damped.norm + turned.radius * turned.norm) / norm
    return Law(text, fan_in, -damped.total, norm, draw, radius=radius)


def correlations(fan_in: int, wanted: Wanted) -> Law:
    """Correlations of uniform directions, as many dimensions as the wanted norm asks for."""
    excess = max(wanted.gain**2 - 1.0, 1e-9)
    degrees = min(max(round((fan_in - 1) / excess), 2), 8 * fan_in)
    norm = math.sqrt(1.0 + (fan_in - 1) / degrees)

    def draw(height, width, dtype, seed, where=None):
        b = _draws.sphere(degrees, height, dtype, seed, least=math.inf)
        return ops.transpose(b) @ b

    text = f"correlations of directions in {degrees} dimensions"
    radius = (1 + math.sqrt(fan_in / degrees)) ** 2 / norm
    return Law(text, fan_in, 1.0, norm, draw, radius=radius)


def cholesky(fan_in: int, minimum: float, wanted: Wanted) -> Law:
    """Lower triangular matrices with columns of the wanted norm and a positive diagonal."""
    norm = max(wanted.gain, 1.25 * minimum)
    least = 2 if wanted.even else math.inf

    def draw(height, width, dtype, seed, where):
        diagonal = ops.convert_to_tensor(np.eye(height, width) > 0)
        there = ops.logical_and(where, diagonal)
        below = ops.logical_and(where, ops.logical_not(diagonal))
        first = _draws.sphere(height, width, dtype, nth_seed(seed, 0), where, least=math.inf)
        first = ops.sum(ops.abs(_draws.only(first, there)), axis=0, keepdims=True)
        rest = _draws.sphere(height, width, dtype, nth_seed(seed, 1), below, least=least)
        count = ops.sum(ops.cast(below, rest.dtype), axis=0, keepdims=True)
        # What each of the others takes off, so that the sum is zero.
        level = ops.where(count >= least, 1.0 / ops.maximum(count, 1.0), ops.zeros_like(count))
        there, below = (ops.cast(one, rest.dtype) for one in (there, below))
        first = ops.clip(norm * first, minimum, norm / ops.sqrt(1.0 + level))
        first = first * ops.sum(there, axis=0, keepdims=True)
        left = ops.maximum(norm**2 - ops.square(first) * (1.0 + level), 0.0)
        return (there - below * level) * first + ops.sqrt(left) * rest

    centred = wanted.even and fan_in >= 3
    total = 0.0 if centred else max(norm * _mean_of_one(fan_in), minimum)
    text = f"columns of norm {norm:.4g} with a positive diagonal" + " and sum 0" * centred
    return Law(text, fan_in, total, norm, draw, exact=False)


def rows_of_correlations(fan_in: int, size: int) -> Law:
    """Lower triangular matrices with rows of norm one and a positive diagonal."""

    def draw(height, width, dtype, seed, where):
        w = _draws.only(_draws.normal((height, width), dtype, seed), where)
        w = ops.where(ops.convert_to_tensor(np.eye(height, width) > 0), ops.abs(w), w)
        return w / ops.sqrt(ops.sum(ops.square(w), axis=1, keepdims=True))

    total = float(np.mean([_mean_of_one(count + 1) for count in range(size)]))
    text = "rows of norm 1 in uniform directions with a positive diagonal"
    return Law(text, fan_in, total, 1.0, draw)


def _mean_of_one(count):
    """The mean size of one of so many entries of a uniform direction."""
    return math.exp(math.lgamma(count / 2) - math.lgamma((count + 1) / 2)) / math.sqrt(math.pi)


def mixed_permutations(size: int, wanted: Wanted) -> Law:
    """The mean of random permutations, in a power of two of equal pieces."""
    pieces = min(2 ** math.ceil(math.log2(size)), 256)
    loose = max(round(pieces * wanted.spread), 1) if wanted.spread < 1 else pieces
    kept = pieces - loose
    # The share of pairs of pieces that come from one permutation.
    same = (kept**2 + loose) / pieces**2
    square = 1 / size + (1 - 1 / size) * same
    text = f"the mean of {pieces} permutations"
    text += f", {kept} of them one and the same" if kept > 1 else ""
    draw = partial(_draws_of_matrices.mixed_permutations, pieces=pieces, loose=loose)
    return Law(text, size, 1.0, math.sqrt(square), draw, True, (1 - same) / size / square)


def constant_diagonals(fan_in: int, wanted: Wanted, *, rotated: bool) -> Law:
    """One normal number for each diagonal; `rotated`: for each pair of diagonals that wraps."""
    gain = wanted.gain
    # The largest of as many sine waves as there are inputs.
    radius = max(math.sqrt(math.log(fan_in)), 1.0)
    if not rotated:

        def draw(height, width, dtype, seed, where=None):
            values = _draws.normal((height + width - 1,), dtype, seed)
            return from_diagonals(gain / math.sqrt(height) * values, height)

        return Law(f"a normal number for each diagonal, columns of norm about {gain:.4g}", fan_in,
                   0.0, gain, draw, radius=max(0.85 * radius, 1.0))  # fmt: skip
    row = partial(_draws.sphere, least=3 if wanted.even else math.inf)

    def draw_rotated(height, width, dtype, seed, where=None):
        return from_first_row(gain * ops.reshape(row(height, 1, dtype, seed), (height,)))

    text = f"rotations of a row of norm {gain:.4g} in a uniform direction"
    text += " of sum 0" if wanted.even else ""
    return Law(text, fan_in, 0.0, gain, draw_rotated, radius=radius)
