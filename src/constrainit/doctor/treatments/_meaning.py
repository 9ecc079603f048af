"""Which set a constraint of the user's own seems to mean, from what it gives."""

import numpy as np
from keras import ops

from constrainit.doctor._constraint_calls import called
from constrainit.doctor._statistics import to_numpy
from constrainit.doctor._sums import is_quotient
from constrainit.sets import (
    Box,
    Custom,
    Grid,
    MaxNorm,
    NonNegative,
    Orthogonal,
    Simplex,
    SpectralNorm,
    SumTo,
    Symmetric,
    UnitNorm,
    as_set,
)

_DRAWS = 4
_NEAR = 1e-3
_CALLS = 60
_SETTLED = 1e-6


def meant_set(record, repeat=0.0):
    """The narrowest known set that holds all that the constraint was seen to give.

    `repeat` is how far apart two calls are: so much may miss. None if nothing fits. A
    constraint whose set is known means that set.
    """
    known = as_set(record.constraint) if callable(record.constraint) else None
    if known is not None and not isinstance(known, Custom):
        return known
    shares = _shares(record)
    if shares is not None:
        return shares
    pairs = list(_images(record))
    if len(pairs) < 2:
        return None
    images = [settled for _, settled in pairs]
    for a_set in _candidates(record, pairs, repeat):
        try:
            resolved = record.resolved(a_set)
            if all(_holds(resolved, image, repeat) for image in images):
                return a_set
        # A candidate may have no members of this shape.
        except ValueError:
            continue
    return None


def _shares(record):
    """The shares that a quotient by sums means for a weight that starts with nothing below zero.

    Of what is below zero such a quotient makes anything, so that its images do not tell.
    """
    if to_numpy(record.variable).min(initial=0.0) < 0 or not callable(record.constraint):
        return None
    value = np.random.default_rng(0).uniform(0.5, 1.0, size=record.shape)
    value.flat[::3] *= -0.5
    image = called(record, value)
    if image is None:
        return None
    for axis in (*_axes(record), list(range(len(record.shape)))):
        sums = value.sum(axis=tuple(axis), keepdims=True)
        if sums.size < value.size and is_quotient(value, np.float64(image), sums):
            total = float(np.round(np.median(image.sum(axis=tuple(axis))), 3))
            return Simplex(total, axis=axis) if total > 0 else None
    return None


def _axes(record):
    """Those that feed a unit, and each by itself."""
    axes = [list(record.axes)] if record.axes else []
    return axes + [[axis] for axis in range(len(record.shape)) if [axis] not in axes]


def _images(record):
    """What the constraint gives for draws of several sizes: at once, and when it leaves it alone.

    A draw that it makes ever larger is tried in a tenth of its size.
    """
    draws = np.random.default_rng(0)
    start = to_numpy(record.variable)
    size = float(np.max(np.abs(start), initial=0.0)) or 1.0
    for index in range(_DRAWS):
        value = size * 10.0 ** (index - 1) * draws.normal(size=start.shape)
        # A unit without a positive entry is what some constraints fail for.
        value = np.abs(value) if index % 2 else value
        for smaller in (1.0, 0.1, 0.01):
            image = called(record, smaller * value)
            settled = None if image is None else _settled(record, image)
            if settled is not None:
                yield image, settled
                break


def _settled(record, image):
    """Where a constraint that goes part of the way ends; its first image if it goes on and on.

    None if it overflows in the end.
    """
    value = image
    for _ in range(_CALLS):
        after = called(record, value)
        if after is None:
            return None
        moved, value = np.abs(after - value).max(), after
        if moved <= _SETTLED * np.abs(value).max():
            return value if value.any() else image
    return image


def _candidates(record, pairs, repeat):
    rank = len(record.shape)
    images = [settled for _, settled in pairs]
    low = min(float(image.min()) for image in images)
    high = max(float(image.max()) for image in images)
    axes = _axes(record)
    for axis in axes:
        sums = np.concatenate([np.sum(i, axis=tuple(axis)).ravel() for i in images])
        if np.ptp(sums) <= _NEAR * max(abs(sums).max(), 1e-6) and abs(sums[0]) > _NEAR:
            total = float(np.round(np.median(sums), 3))
            if low >= 0:
                yield from _bounded(Simplex(total, axis=axis), [at_once for at_once, _ in pairs])
                yield Simplex(total, axis=axis)
            yield SumTo(total, axis=axis)
    if rank == 2 and min(record.shape) > 1:
        yield Orthogonal()
    for axis in axes:
        yield UnitNorm(axis=axis)
    if rank == 2:
        yield from _spectral(images, repeat)
        if record.shape[0] == record.shape[1]:
            yield Symmetric()
    lower, upper = _bounds(images)
    # Where all corners are of one norm, they tell no more of a norm than of the bounds.
    if lower is not None and upper is not None and low < high:
        yield Box(lower, upper)
    for axis in axes:
        norms = np.concatenate([np.sqrt(np.sum(i**2, axis=tuple(axis))).ravel() for i in images])
        top = float(norms.max())
        reached = norms >= 0.99 * top
        if np.mean(reached) > 1 / (2 * _DRAWS) and np.sum(reached) > 1:
            yield MaxNorm(float(np.round(top, 3)), axis=axis)
    if upper is not None and low < high:
        yield Box(lower, upper)
    if low >= 0 and not _is_scaled(record):
        yield NonNegative()
    if all(np.array_equal(image, np.round(image)) for image in images):
        yield Grid(1.0)


def _is_scaled(record):
    """Whether the size of a weight is of no matter: then it is divided by something of its own."""
    draw = np.abs(np.random.default_rng(1).normal(size=record.shape))
    one, other = called(record, draw), called(record, 3 * draw)
    return one is not None and other is not None and np.allclose(one, other, rtol=1e-2)


def _bounds(images):
    """The least and the largest number, each None if not many entries have it."""
    flat = np.concatenate([image.ravel() for image in images])
    ends = (float(flat.min()), float(flat.max()))
    there = [np.abs(flat - end) <= _NEAR * abs(end) for end in ends]
    many = [at.sum() > 2 and at.mean() > 0.05 for at in there]
    return [float(np.round(end, 4)) if so else None for end, so in zip(ends, many, strict=True)]


def _bounded(shares, images):
    """Shares of which none is below, or above, what many of them are."""
    lower, upper = _bounds(images)
    if (lower or upper) and lower != upper:
        yield shares & Box(lower or None, upper)


def _spectral(images, repeat):
    norms = [float(np.linalg.norm(image, 2)) for image in images]
    if np.ptp(norms) <= max(0.3, 2 * repeat) * max(norms):
        yield SpectralNorm(float(np.round(np.median(norms), 1)) or 1.0)


def _holds(a_set, image, repeat):
    outside = float(a_set.violation(ops.cast(image, "float32")))
    units = float(np.max(np.abs(image))) or 1.0
    return outside <= max(30 * _NEAR, 2 * repeat) * units
