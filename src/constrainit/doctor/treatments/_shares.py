"""Constraints of the user's own that make shares, and what bounds they keep them in besides."""

import ast
from collections.abc import Iterator

import numpy as np

from constrainit._precision import tolerance
from constrainit._set import ConstraintSet
from constrainit.doctor._code import function_of
from constrainit.doctor._constraint_calls import called
from constrainit.doctor._misfits import functions_of
from constrainit.doctor._sums import is_quotient
from constrainit.doctor.treatments._candidates import NEAR, axes_of, shortest
from constrainit.model import WeightRecord
from constrainit.sets import Box, Intersection, NonNegative, Simplex, SumTo
from constrainit.sets.elementwise import bounds_of

_SIZES = (0.03, 1.0, 30.0)
"""The sizes of nearly equal weights, of all of which a quotient makes the same shares."""

_SPREAD, _MOST = (1.0, 3.0, 30.0), 0.5
"""The sizes of weights that differ, and how many of those that come to a cap lose by it."""

_LARGEST = 0.98
"""Of the total: any quotient leaves alone a single share that is all of it, bounds or not."""

_BEYOND = 1e4
_HALVINGS = 30
_MARGIN = 1.01
_CAPS = ("clip", "clamp", "clip_by_value", "minimum")


def bounded_shares(record: WeightRecord) -> ConstraintSet | None:
    """Shares in bounds, where a constraint leaves alone those in them, and no others.

    The bounds are measured: how large, and how small, one share may be, the others of its unit
    being alike, so that the constraint leaves it alone. None if it makes no shares, or such ones
    without bounds.
    """
    found = _shared(record)
    lower, upper = (None, None) if found is None else _kept(record, *found) or (None, None)
    if found is None or (lower is None and upper is None):
        return None
    axis, total = found
    return Simplex(total, axis=axis) & Box(lower if upper is None else lower or 0.0, upper)


def quotient_shares(record: WeightRecord) -> ConstraintSet | None:
    """The shares of a quotient by sums, of weights a third of which are below zero."""
    draws = np.random.default_rng(0)
    values = [draws.uniform(0.5, 1.0, size=record.shape) for _ in range(2)]
    for value in values:
        value.flat[::3] *= -0.5
    images = [image for value in values if (image := called(record, value)) is not None]
    if len(images) < len(values):
        return None
    for axis in axes_of(record):
        sums = values[0].sum(axis=tuple(axis), keepdims=True)
        totals = np.stack([image.sum(axis=tuple(axis)) for image in images])
        # All of a single sum is a quotient by it: only another draw tells.
        same = np.ptp(totals) <= NEAR * np.abs(totals).max()
        if sums.size < values[0].size and same and is_quotient(values[0], images[0], sums):
            total = shortest(float(np.median(totals)))
            return Simplex(total, axis=axis) if total > 0 else None
    return None


def capped_shares(record: WeightRecord) -> ConstraintSet | None:
    """Shares below a cap that is taken of them last, as `min(softmax(w), cap)`: they sum to less.

    The constraint leaves none of them alone, so that the cap is read off what it gives: units that
    come to the largest entry of all have lost some of their sum, and no others have.
    """
    found = _shared(record)
    if found is None:
        return None
    axis, total = found
    draws = np.random.default_rng(5)
    values = [size * draws.normal(size=record.shape) for size in _SPREAD for _ in range(3)]
    images = [image for one in values if (image := called(record, one)) is not None]
    if len(images) < len(values) or any(image.min() < 0 for image in images):
        return None
    given, axes = np.stack(images), tuple(one + 1 for one in axis)
    near, upper = 10 * _loose(record), float(given.max())
    sums, at_cap = given.sum(axis=axes) / total, given >= (1 - near) * upper
    capped = at_cap.any(axis=axes)
    whole, less = np.abs(sums[~capped] - 1) <= near, sums[capped] < 1 - near
    room = _MARGIN * total / _count(record, axis) < upper < _LARGEST * total
    if not (room and whole.all() and less.mean() > _MOST and (sums <= 1 + near).all()):
        return None
    return Simplex(total, axis=axis) & Box(0.0, shortest(upper, near))


def bounds_note(record: WeightRecord, a_set: ConstraintSet) -> str:
    """What is to be known of the bounds of shares, empty if there is nothing to say.

    Either that the constraint does not keep them itself, or that it has some that could not be
    measured and are not in the set.
    """
    if isinstance(a_set, (Simplex, SumTo, NonNegative)):
        clip = next(_caps(record.constraint), "")
        found = _shared(record) if clip and isinstance(a_set, Simplex) else None
        is_free = found is not None and _kept(record, *found) == (None, None)
        told = not clip or is_free
        return "" if told else f"without the bounds of {clip}, which could not be told"
    if not isinstance(a_set, Intersection):
        return ""
    shares = [one for one in a_set.sets if isinstance(one, Simplex)]
    bounds = next((b for b in map(bounds_of, a_set.sets) if b), None)
    if len(shares) != 1 or bounds is None:
        return ""
    return _broken(record, shares[0], *bounds)


def _broken(record, shares, lower, upper):
    """By what the constraint goes beyond its own bounds."""
    axis, total = list(shares.axis), shares.total
    equal = total / _count(record, axis)
    # One weight that is far above the others, and all but one of a unit.
    far = [_one_apart(record, axis, _BEYOND * total, equal), _all_at(record, axis, total)]
    images = [image for one in far if (image := called(record, one)) is not None]
    if not images:
        return ""
    most, least = (float(of(images)) for of in (np.max, np.min))
    if upper is not None and most > _MARGIN * upper:
        return (
            f"the constraint does not keep its own cap of {upper:g}: what it does last makes "
            f"weights as large as {most:.3g}"
        )
    if lower is not None and _MARGIN * least < lower:
        return (
            f"the constraint does not keep its own floor of {lower:g}: what it does last makes "
            f"weights as small as {least:.3g}"
        )
    return ""


def _shared(record):
    """The first axes along which nearly equal weights of any size get one sum, and that sum."""
    draws = np.random.default_rng(0)
    for axis in axes_of(record):
        count = _count(record, axis)
        if count == 1:
            continue
        values = [size * draws.uniform(0.98, 1.02, size=record.shape) / count for size in _SIZES]
        images = [image for one in values if (image := called(record, one)) is not None]
        if len(images) < len(values) or any(image.min() < 0 for image in images):
            continue
        sums = np.concatenate([image.sum(axis=tuple(axis)).ravel() for image in images])
        total = float(np.median(sums))
        if total > 0 and np.ptp(sums) <= 2 * _loose(record) * total:
            return None if _is_norm(record, axis, total) else (axis, shortest(total))
    return None


def _is_norm(record, axis, total):
    """Whether units are divided by what is a sum of equal weights only, as a norm is."""
    value = np.random.default_rng(4).uniform(0.2, 1.8, size=record.shape)
    image = called(record, value)
    if image is None:
        return False
    factors, axes, near = image / value, tuple(axis), max(NEAR, 4 * _loose(record))
    alike = np.ptp(factors, axis=axes) <= near * factors.max(axis=axes)
    return bool(alike.all() and (np.abs(image.sum(axis=axes) - total) > near * total).any())


def _kept(record, axis, total):
    """The least and the largest share that is left alone, None for one without a bound.

    None for both if that can not be told.
    """
    count = _count(record, axis)
    equal, large = total / count, _LARGEST * total

    def stays(share):
        value = _one_apart(record, axis, share, (total - share) / (count - 1))
        image = called(record, value)
        least = _loose(record) * np.abs(value).max()
        return image is not None and np.abs(image - value).max() <= least

    # Of what leaves shares below zero alone, as SumTo does, the least one is not known.
    if not stays(equal) or stays(-0.5 * equal) or large <= equal:
        return None
    upper = total if stays(large) else _last(stays, equal, large)
    lower = 0.0 if stays(0.0) else _last(stays, equal, 0.0)
    # What leaves alone nothing but equal shares has no bounds that could be told.
    if min(upper, _LARGEST * total) < _MARGIN * equal or _MARGIN * lower > equal:
        return None
    # A cap of all the others is a floor for each, and the other way round.
    if _MARGIN * (total - (count - 1) * upper) > lower:
        lower = 0.0
    elif _MARGIN * upper > total - (count - 1) * lower:
        upper = total
    apart = max(NEAR, 10 * _loose(record))
    return (
        shortest(lower, apart) if lower > apart * equal else None,
        shortest(upper, apart) if upper < large else None,
    )


def _last(holds, good, bad):
    """The number nearest to `bad` for which something holds, between one where it does and not."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (good + bad)
        good, bad = (middle, bad) if holds(middle) else (good, middle)
    return good


def _one_apart(record, axis, share, rest):
    """A weight whose units have one entry that differs from the others, not all at one place."""
    places = np.indices(record.shape)
    lengths = [record.shape[a] for a in axis]
    at = np.ravel_multi_index([places[a] for a in axis], lengths)
    across = sum(places[a] for a in range(len(record.shape)) if a not in axis)
    return np.where(at == across % _count(record, axis), share, rest).astype("float64")


def _all_at(record, axis, share):
    """The same with zeros in place of the others."""
    return _one_apart(record, axis, share, 0.0)


def _count(record, axis):
    return int(np.prod([record.shape[a] for a in axis]))


def _loose(record):
    return max(tolerance(record.dtype), 1e-5)


def _caps(constraint) -> Iterator[str]:
    """The calls in the source of a constraint that bound something from above."""
    for tree in filter(None, map(function_of, functions_of(constraint))):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, (ast.Attribute, ast.Name)):
                name = ast.unparse(node.func).rpartition(".")[2]
                if name in _CAPS and _is_number(_cap(node)):
                    yield ast.unparse(node)


def _cap(node):
    """What a call bounds by from above: its last argument."""
    named = [word.value for word in node.keywords if (word.arg or "").endswith("max")]
    return next(iter(named), node.args[-1] if len(node.args) > 1 else None)


def _is_number(node):
    return node is not None and not (isinstance(node, ast.Constant) and node.value is None)
