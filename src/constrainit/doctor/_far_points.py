"""Members at the bound of a set that is bounded as a whole: the images of weights far outside."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit.doctor._axes import norm_axes
from constrainit.doctor._losses_at import loss_now
from constrainit.doctor._statistics import to_numpy
from constrainit.model import WeightRecord

_FAR = (1e3, 1e6)
"""How many times as large a weight is of which the image must be the same."""

_ALONE = 8
"""As many units are looked at one by one."""

_MOST = 1 << 20
_SAME = 1e-3

_GROWS = 2.0
"""An image that is no more times as large, of a weight a thousand times as far, is bounded."""

ADDED = ("bias", "beta")
"""The vectors that layers only add to what they give, of any size."""

_SHIFT = 10.0
"""How far all predictions are shifted, relative to the largest."""

_BESIDE, _NEAR = 1e-4, 0.05
"""How far beside a member is looked, and how near to it the image stays, in its largest entry."""


def at_bound(constraints: Any, record: WeightRecord) -> Iterator[tuple[Any, list[Any]]]:
    """Members with units, or entries, at the bound; with each those with but one of these there.

    Each unit keeps its direction. What shows only where several of them are at the bound may be of
    their having met, as of numbers that are the same there.

    Args:
        constraints: Those of the model.
        record: The weight.
    """
    start = to_numpy(record.variable)
    inside = constraints.image(record, start) if 0 < start.size <= _MOST else None
    if inside is None:
        return
    ways = inside if inside.any() else np.random.default_rng(0).normal(size=start.shape)
    ends = [far_image(lambda v: constraints.image(record, v), s * ways) for s in (1.0, -1.0)]
    if any(end is None for end in ends):
        return
    some = None
    for end in ends:
        # What is divided by its own size ends where it was.
        if np.allclose(end, inside, rtol=_SAME, atol=_SAME * np.abs(end).max()):
            continue
        some = _every_other(constraints, record, ways) if some is None else some
        for where in (some, np.ones_like(some)):
            value = np.where(where, end, inside)
            again = constraints.image(record, value)
            same = again is not None and np.allclose(again, value, rtol=_SAME, atol=1e-6)
            if same and not is_apart(lambda v: constraints.image(record, v), value):
                yield value, [np.where(one, end, inside) for one in _each(where)]


def far_image(image: Any, value: np.ndarray) -> Any:
    """What a constraint makes of a weight far outside; None if it is not the same from farther."""
    near, far = (image(factor * value) for factor in _FAR)
    if near is None or far is None:
        return None
    same = np.allclose(near, far, rtol=_SAME, atol=_SAME * np.abs(near).max(initial=0.0))
    return near if same else None


def bounds_the_loss(problem: Any, constraints: Any, records: Sequence[WeightRecord]) -> bool:
    """Whether constraints keep a loss from falling without end, as those of a critic do.

    They hold all that is trained within bounds, but for what layers only add: the model is then no
    steeper than some number, and what it gives for two examples never farther apart than that
    allows. Where anything that is added is not held, all predictions may rise or fall together:
    then the loss must be one that this does not make lower.
    """
    trained = [r for r in records if r.variable.trainable]
    held = [r for r in trained if len(r.shape) > 1 or r.argument not in ADDED]
    if not held or not all(is_bounded(constraints, record) for record in held):
        return False
    added = [r for r in trained if r not in held]
    return all(is_bounded(constraints, r) for r in added) or not _falls_by_a_shift(problem)


def _falls_by_a_shift(problem):
    """Whether the loss is lower for predictions that are all far larger, or far smaller."""

    def shifted(way):
        def change(predictions):
            def moved(one):
                peak = ops.max(ops.abs(one))
                return one + way * _SHIFT * peak

            return keras.tree.map_structure(moved, predictions)

        return loss_now(problem, change)

    loss = shifted(0.0)
    return any(not shifted(way) >= loss - abs(loss) for way in (1.0, -1.0))


def is_bounded(constraints, record):
    """Whether the image of a weight grows no more however far outside it is, in a few ways."""
    if record not in constraints.records:
        return False
    draw = np.random.default_rng(0).normal(size=record.shape)
    for way in (draw, -draw, np.abs(draw), -np.abs(draw)):
        near, far = (constraints.image(record, factor * way) for factor in _FAR)
        if near is None or far is None:
            return False
        if np.abs(far).max(initial=0.0) > _GROWS * np.abs(near).max(initial=0.0):
            return False
    return True


def is_apart(image: Any, value: np.ndarray) -> bool:
    """Whether a constraint throws what lies beside a value far away from it.

    Such as a weight of zeros of which none of its sums is one: it divides them by what it adds
    against a division by zero, and leaves them where they are. No training comes there.
    """
    size = float(np.abs(value).max(initial=0.0)) or 1.0
    way = _BESIDE * size * np.abs(np.random.default_rng(0).normal(size=value.shape))
    for beside in (value + way, value - way):
        found = image(beside)
        if found is None or np.abs(found - value).max(initial=0.0) > _NEAR * size:
            return True
    return False


def scales_units(constraints: Any, record: WeightRecord) -> bool:
    """Whether scaling its units is all that a constraint does to a weight far outside."""
    return norm_axes(record, lambda value: constraints.image(record, value)) is not None


def _every_other(constraints, record, ways):
    """A mask of every other unit; of every other entry where units are not what is scaled."""
    far = _FAR[0] * ways
    factors = constraints.image(record, far)[ways != 0] / far[ways != 0]
    if np.ptp(factors) <= _SAME * np.abs(factors).max():
        return np.ones((1,) * ways.ndim, bool)
    axes = norm_axes(record, lambda value: constraints.image(record, value)) or ()
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(ways.shape))
    count = int(np.prod(shape))
    some = np.random.default_rng(0).permutation(np.arange(count) % 2 == 0)
    return some.reshape(shape)


def _each(where):
    """Masks of a single one, for some of those that a mask has."""
    places = np.flatnonzero(where)
    for place in places[:: max(1, len(places) // _ALONE)][:_ALONE]:
        one = np.zeros(where.size, bool)
        one[place] = True
        yield one.reshape(where.shape)
