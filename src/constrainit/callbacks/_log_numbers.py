"""The numbers that a log keeps of one weight at one step, computed where the weight is."""

from typing import Any

import keras
from keras import ops

from constrainit._compile import choose
from constrainit._precision import nearest, tolerance, wide_dtype
from constrainit._set import ConstraintSet, _distance
from constrainit.sets import Custom
from constrainit.sets.combine import _Applied
from constrainit.sets.elementwise import bounds_of
from constrainit.sets.norms import _Norms

_EAGER = keras.backend.backend() == "torch"
"""PyTorch computes each operation by itself, XLA what leads to a sum together with the sum."""


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
    moved = old - new
    return [
        *first,
        *_moments(new),
        _violation(before, after, a_set, moved),
        norm(moved),
        _share(ops.not_equal(old, new)),
        _at_bound(after, a_set),
    ]


def norm(x: Any) -> Any:
    """The Euclidean norm of all entries, also where their squares overflow or vanish."""
    x = _rows(ops.cast(x, wide_dtype(keras.backend.standardize_dtype(x.dtype))))

    def scaled():
        scale = ops.maximum(_largest(x), 1e-30)
        return scale * ops.sqrt(_squares(x / scale))

    if not _EAGER:
        return scaled()
    squares = _squares(x)
    return choose(_is_tame(squares), lambda: ops.sqrt(squares), scaled)


def histogram(flat: Any, bins: int) -> Any:
    """How many entries lie in each of equally wide bins from the least to the largest entry."""
    least, most = ops.min(flat), ops.max(flat)
    share = (flat - least) / ops.maximum(most - least, 1e-30)
    place = ops.clip(ops.cast(share * bins, "int32"), 0, bins - 1)
    return ops.segment_sum(ops.ones_like(flat), place, num_segments=bins)


def _moments(w):
    """Of the finite entries minimum, maximum, mean, deviation, norm; how many are not finite."""
    squares, count = _squares(w), float(_count(w))
    mean = _sum(w) / count
    spread = squares / count - ops.square(mean)
    # The deviation of weights near one would be lost in the square of their mean.
    wide = spread > 0.01 * ops.square(mean)
    tame = ops.logical_and(wide, _is_tame(squares))

    def plain():
        return ops.stack(
            [_ends(w, ops.min), _ends(w, ops.max), mean, ops.sqrt(spread), ops.sqrt(squares),
             ops.zeros_like(mean)]
        )  # fmt: skip

    return ops.unstack(choose(tame, plain, lambda: _careful(w)), 6)


def _careful(w):
    """As `_moments`, of what is not finite or too large to be squared."""
    finite = ops.isfinite(w)
    held = ops.cast(finite, w.dtype)
    count = _sum(held)
    clean = ops.where(finite, w, 0.0)
    scale = ops.maximum(_largest(clean), 1e-30)
    unit = clean / scale
    mean = _sum(unit) / ops.maximum(count, 1.0)
    spread = _sum(held * ops.square(unit - mean)) / ops.maximum(count, 1.0)
    infinite = float("inf")
    least = _ends(ops.where(finite, w, infinite), ops.min)
    most = _ends(ops.where(finite, w, -infinite), ops.max)
    found = ops.stack(
        [least, most, scale * mean, scale * ops.sqrt(spread),
         scale * ops.sqrt(_squares(unit))]
    )  # fmt: skip
    found = ops.where(count > 0, found, float("nan"))
    return ops.concatenate([found, ops.reshape(_count(w) - count, (1,))])


def _violation(before, after, a_set, moved):
    """How far outside `before` is, given what its constraint made of it."""
    if a_set is None or isinstance(a_set, Custom):
        return _nothing()
    if isinstance(a_set, _Applied) or a_set.counterpart_of:
        # What it made of it is not the projection.
        return _distance(a_set, before, a_set._image(before))

    def whole():
        return _distance(a_set, before, after)

    units = a_set._units(len(before.shape))
    if not _EAGER or type(a_set)._distance is not ConstraintSet._distance:
        return whole()
    if not units:
        return choose(ops.isfinite(largest := _largest(moved)), lambda: largest, whole)
    squares = ops.sum(ops.square(ops.reshape(moved, before.shape)), axis=units)
    most = ops.max(squares)
    return choose(_is_tame(most), lambda: ops.sqrt(most), whole)


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
        return _share(_rows(one))
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


def _largest(x):
    """The largest magnitude, without a copy of all magnitudes."""
    return ops.maximum(_ends(x, ops.max), -_ends(x, ops.min))


def _squares(x):
    if _EAGER:
        flat = ops.reshape(x, (-1,))
        return ops.dot(flat, flat)
    return _sum(ops.square(x))


def _is_tame(squares):
    """Whether nothing that counts was lost when numbers were squared."""
    return ops.logical_and(squares > 1e-20, squares < 1e30)


def _share(flags):
    """The share of entries that are true."""
    if _EAGER:
        return ops.cast(flags.count_nonzero(), "float32") / _count(flags)
    return _sum(ops.cast(flags, "float32")) / float(_count(flags))
