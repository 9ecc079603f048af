"""The sets that what a constraint gave may be all of, the narrowest first."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from constrainit._precision import tolerance
from constrainit._set import ConstraintSet
from constrainit.model import WeightRecord
from constrainit.sets import (
    Box,
    Grid,
    MaxNorm,
    Monotone,
    NonNegative,
    NormRange,
    Orthogonal,
    Positive,
    Simplex,
    SkewSymmetric,
    SpectralNorm,
    SumTo,
    Symmetric,
    UnitNorm,
)

NEAR = 1e-3
"""What is no further apart, relative to itself, is taken for the same."""

_OFTEN = 0.05
_LONG, _MANY_PAIRS = 3, 16
"""Of two entries one is the larger one anyway: only many such pairs tell of an order."""
_ROUND = 2e-4


def axes_of(record: WeightRecord) -> list[list[int]]:
    """The axes that feed a unit, each by itself, and all; without those along which is but one."""
    rank = len(record.shape)
    axes = [[axis] for axis in range(rank)] + [list(range(rank))]
    axes = [list(record.axes), *axes] if record.axes else axes
    several = [one for one in axes if _count(record.shape, one) > 1]
    return [one for at, one in enumerate(several) if one not in several[:at]]


def shortest(number: float, apart: float = NEAR) -> float:
    """The number of the fewest digits that is no further away, relative to it."""
    written = (float(f"{number:.{digits}g}") for digits in range(1, 17))
    return next(one for one in written if abs(one - number) <= apart * abs(number))


def ordered_axes(images: Sequence[np.ndarray]) -> list[int]:
    """The axes along which an order of all images is none by chance."""
    numbers = sum(image.size for image in images)
    return [
        axis
        for axis, size in enumerate(images[0].shape)
        if size >= _LONG or (size == 2 and numbers >= 2 * _MANY_PAIRS)
    ]


def _count(shape, axis):
    return math.prod(shape[one] for one in axis)


def candidates(
    record: WeightRecord, images: Sequence[np.ndarray], others: Sequence[np.ndarray], repeat: float
) -> Iterator[ConstraintSet]:
    """Sets that may hold these images; `others` tell of the bounds that shares have besides.

    Raises:
        ValueError: The next one has no members; nothing follows.
    """
    rank, axes = len(record.shape), axes_of(record)
    if rank == 2 and _is_skew(images):
        yield SkewSymmetric()
    low = min(float(image.min()) for image in images)
    for axis in axes:
        yield from _of_sums(axis, images, others, low, record)
    yield from _of_orders(images, low)
    lower, upper = _bounds(images, record.dtype)
    for axis in axes:
        yield from _around_zero(axis, images, lower, upper)
    if lower is None and low >= 0:
        lower = 0.0
    # What comes to the same number everywhere by being called again is in no bounds by that.
    if lower is not None and upper is not None and upper - lower > NEAR * abs(upper):
        yield Box(lower, upper)
    if rank == 2 and min(record.shape) > 1:
        yield Orthogonal()
    for axis in axes:
        yield from _of_norms(axis, images, low)
    if rank == 2:
        yield from _spectral(images, repeat)
        if record.shape[0] == record.shape[1] > 1:
            yield Symmetric()
    yield from _one_sided(lower, upper)
    yield from _grid(images, lower, upper)


def _of_sums(axis, images, others, low, record):
    sums = np.concatenate([np.sum(i, axis=tuple(axis)).ravel() for i in images])
    if np.ptp(sums) > NEAR * max(abs(sums).max(), 1e-6) or abs(sums[0]) <= NEAR:
        return
    total = shortest(float(np.median(sums)))
    if low >= 0:
        for seen in (others, images):
            yield from _bounded(Simplex(total, axis=axis), seen, record)
        yield Simplex(total, axis=axis)
    yield SumTo(total, axis=axis)


def _around_zero(axis, images, lower, upper):
    """Sums of zero, with the bounds that the images have besides."""
    axis = tuple(axis)
    sums = [np.abs(image.sum(axis=axis)).max() for image in images]
    sizes = [np.abs(image).sum(axis=axis).max() for image in images]
    if not all(one <= NEAR * size for one, size in zip(sums, sizes, strict=True)):
        return
    if lower is not None and upper is not None and upper - lower > NEAR * abs(upper):
        yield SumTo(0.0, axis=list(axis)) & Box(lower, upper)


def _is_skew(images):
    def is_one(image):
        rows, columns = image.shape
        if not rows == columns > 1:
            return False
        size = np.abs(image).max()
        return size > 0 and np.abs(image + image.T).max() <= NEAR * size

    return all(map(is_one, images))


def _of_orders(images, low):
    """Orders along an axis that all images have, and that chance does not give."""
    for axis in ordered_axes(images):
        steps = [np.diff(image, axis=axis) for image in images]
        for direction, sign in (("increasing", 1), ("decreasing", -1)):
            ordered = all((sign * step >= 0).all() for step in steps)
            # Of a short one some images are the same everywhere, as of what is all below zero.
            if not ordered or 2 * sum(step.any() for step in steps) < len(steps):
                continue
            order = Monotone(direction, axis=axis)
            if low >= 0:
                yield NonNegative() & order
            yield order


def _bounded(shares, images, record):
    """Shares of which none is below, or above, what many of them are."""
    lower, upper = _bounds(images, record.dtype)
    equal = shares.total / _count(record.shape, shares.axis)
    lower = None if not lower or lower > 0.99 * equal else lower
    upper = None if not upper or not 1.01 * equal < upper < shares.total else upper
    if lower or upper:
        yield shares & Box(lower, upper)


def _of_norms(axis, images, low):
    norms = [np.sqrt(np.sum(np.square(i), axis=tuple(axis))).ravel() for i in images]
    flat = np.concatenate(norms)
    most = float(flat.max())
    if not most or not _is_often(flat >= 0.99 * most):
        return
    for a_set in _with_norms(axis, flat, most):
        yield a_set
        if low >= 0:
            yield NonNegative() & a_set


def _with_norms(axis, norms, most):
    least = float(norms.min())
    if least >= 0.99 * most:
        norm = shortest(float(np.median(norms)))
        yield UnitNorm(axis=axis) if norm == 1 else NormRange(norm, norm, axis=axis)
    elif _is_often(norms <= 1.01 * least):
        yield NormRange(shortest(least), shortest(most), axis=axis)
    yield MaxNorm(shortest(most), axis=axis)


def _spectral(images, repeat):
    """The ball that weights are scaled to, be it by a few turns only, or brought back to."""
    norms = np.array([np.linalg.norm(image, 2) for image in images])
    most, median, apart = float(norms.max()), float(np.median(norms)), float(np.ptp(norms))
    if apart <= 0.01 * most or apart > max(0.3, 2 * repeat) * most:
        median = most if np.sum(norms >= 0.99 * most) > 1 else 0.0
    else:
        median = round(median, 1)
    if median:
        yield SpectralNorm(shortest(median))


def _one_sided(lower, upper):
    if lower == 0:
        yield NonNegative()
    elif lower is not None:
        yield Positive(lower) if lower > 0 else Box(lower, None)
    if upper is not None:
        yield Box(None, upper)


def _grid(images, lower, upper):
    """The grid of all numbers that there are."""
    points = np.unique(np.concatenate([image.ravel() for image in images]).astype("float64"))
    gaps = np.diff(points)
    gaps = gaps[gaps > NEAR * np.abs(points).max(initial=0.0) / len(points)]
    if not len(gaps):
        return
    step = shortest(float(gaps.min()))
    turns = (points - (lower or 0.0)) / step
    if np.abs(turns - np.round(turns)).max() < 0.01:
        yield Grid(step, lower, upper)
        yield Grid(step)


def _bounds(images, dtype):
    """The least and the largest number, each None if not many entries have it."""
    flat = np.concatenate([image.ravel() for image in images])
    ends = (float(flat.min()), float(flat.max()))
    return [
        _as_written(end, dtype) if _is_often(np.abs(flat - end) <= NEAR * abs(end)) else None
        for end in ends
    ]


def _as_written(end, dtype):
    """A bound that comes near to a round number is that; else the number that the dtype holds."""
    is_round = abs(float(f"{end:.2g}") - end) <= _ROUND * abs(end)
    return shortest(end, _ROUND if is_round else tolerance(dtype))


def _is_often(there):
    return there.sum() > 2 and there.mean() > _OFTEN
