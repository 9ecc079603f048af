"""The numbers that a log keeps of one weight at one step, computed where the weight is."""

from typing import Any

import keras
from keras import ops

from constrainit._compile import choose
from constrainit._precision import nearest, tolerance, wide_dtype
from constrainit._set import ConstraintSet, _distance
from constrainit.numerics import safe_norm
from constrainit.sets import Custom
from constrainit.sets.combine import _Applied
from constrainit.sets.elementwise import bounds_of
from constrainit.sets.norms import _Norms


def numbers(before: Any, after: Any, a_set: ConstraintSet | None) -> list[Any]:
    """What can be said of a weight before and after its constraint: the first sixteen numbers.

    Args:
        before: The weight before its constraint.
        after: The weight after it; `before` itself where there is no constraint.
        a_set: The set of the weight, or None.
    """
    wide = wide_dtype(keras.backend.standardize_dtype(before.dtype))
    old = _rows(ops.cast(before, wide))
    first = _moments(old)
    if after is before:
        return [*first, *first, *[_nothing()] * 4]
    new = _rows(ops.cast(after, wide))
    moves = ops.cast(ops.not_equal(old, new), wide)
    size = float(_count(old))
    return [
        *first,
        *_moments(new),
        _violation(before, after, a_set),
        norm(old - new),
        _sum(moves) / size,
        _at_bound(after, a_set),
    ]


def norm(x: Any) -> Any:
    """The Euclidean norm of all entries, also where their squares overflow or vanish."""
    x = _rows(ops.cast(x, wide_dtype(keras.backend.standardize_dtype(x.dtype))))
    squares = _sum(ops.square(x))
    tame = ops.logical_and(squares > 1e-20, squares < 1e30)

    def scaled():
        return ops.reshape(safe_norm(x, (0, 1)), ())

    return choose(tame, lambda: ops.sqrt(squares), scaled)


def histogram(flat: Any, bins: int) -> Any:
    """How many entries lie in each of equally wide bins from the least to the largest entry."""
    least, most = ops.min(flat), ops.max(flat)
    share = (flat - least) / ops.maximum(most - least, 1e-30)
    place = ops.clip(ops.cast(share * bins, "int32"), 0, bins - 1)
    return ops.segment_sum(ops.ones_like(flat), place, num_segments=bins)


def _moments(w):
    """Of the finite entries minimum, maximum, mean, deviation, norm; how many are not finite."""
    # Around an entry: the deviation of weights near one would be lost in the square of their mean.
    pivot = w[0, 0]
    shifted = w - pivot
    total, squares = _sum(shifted), _sum(ops.square(shifted))
    count = float(_count(w))
    tame = squares < 1e30

    def plain():
        mean = total / count
        spread = ops.maximum(squares / count - ops.square(mean), 0.0)
        whole = squares + pivot * (2 * total + count * pivot)
        return ops.stack(
            [_ends(w, ops.min), _ends(w, ops.max), pivot + mean, ops.sqrt(spread),
             ops.sqrt(ops.maximum(whole, 0.0)), ops.zeros_like(mean)]
        )  # fmt: skip

    return ops.unstack(choose(tame, plain, lambda: _careful(w)), 6)


def _careful(w):
    """As `_moments`, of what is not finite or too large to be squared."""
    finite = ops.isfinite(w)
    held = ops.cast(finite, w.dtype)
    count = _sum(held)
    clean = ops.where(finite, w, 0.0)
    scale = ops.maximum(_ends(ops.abs(clean), ops.max), 1e-30)
    unit = clean / scale
    mean = _sum(unit) / ops.maximum(count, 1.0)
    spread = _sum(held * ops.square(unit - mean)) / ops.maximum(count, 1.0)
    infinite = float("inf")
    least = _ends(ops.where(finite, w, infinite), ops.min)
    most = _ends(ops.where(finite, w, -infinite), ops.max)
    found = ops.stack(
        [least, most, scale * mean, scale * ops.sqrt(spread),
         scale * ops.sqrt(_sum(ops.square(unit)))]
    )  # fmt: skip
    found = ops.where(count > 0, found, float("nan"))
    return ops.concatenate([found, ops.reshape(_count(w) - count, (1,))])


def _violation(before, after, a_set):
    """How far outside `before` is, given what its constraint made of it."""
    if a_set is None or isinstance(a_set, Custom):
        return _nothing()
    if isinstance(a_set, _Applied) or a_set.counterpart_of:
        # What it made of it is not the projection.
        after = a_set._image(before)
    return _distance(a_set, before, after)


def _at_bound(after, a_set):
    """The share of entries at a bound, of units at a norm, where the set has one."""
    dtype = keras.backend.standardize_dtype(after.dtype)
    bounds = bounds_of(a_set)
    wide = ops.cast(after, wide_dtype(dtype))
    if bounds is not None:
        low, high = bounds
        at = (
            []
            if low is None
            else [wide <= max(a_set._stored_bounds(dtype)[0], nearest(low, dtype))]
        )
        if high is not None:
            at.append(wide >= min(a_set._stored_bounds(dtype)[1], nearest(high, dtype)))
        one = at[0] if len(at) == 1 else ops.logical_or(*at)
        return _sum(_rows(ops.cast(one, "float32"))) / float(_count(wide))
    if isinstance(a_set, _Norms):
        lower, upper = a_set._range()
        sizes = ops.sqrt(ops.sum(ops.square(wide), axis=a_set._units(len(wide.shape))))
        margin = 4 * tolerance(dtype)
        at = sizes >= upper * (1 - margin)
        if lower > 0:
            at = ops.logical_or(at, sizes <= lower * (1 + margin))
        return ops.mean(ops.cast(at, "float32"))
    return _nothing()


def _nothing():
    return ops.convert_to_tensor(float("nan"), "float32")


def _count(w):
    count = 1
    for size in w.shape:
        count *= size
    return count


def _rows(w):
    """A weight of any rank as a matrix, units last."""
    return ops.reshape(w, (-1, w.shape[-1]) if len(w.shape) > 1 else (-1, 1))


# Down the rows first: neighbours in memory then go through the processor side by side, where
# XLA adds up a whole array number by number (16 times slower on a CPU).
def _sum(x):
    return ops.sum(ops.sum(x, axis=0))


def _ends(x, reduce):
    return reduce(reduce(x, axis=0))
