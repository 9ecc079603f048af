"""The numbers that a log keeps of one weight at one step, computed where the weight is."""

from typing import Any

from keras import ops

from constrainit._compile import choose
from constrainit._measure import outside
from constrainit._precision import dtype_of, nearest, tolerance, wide_dtype, widened
from constrainit._set import ConstraintSet
from constrainit.callbacks import _log_sums as sums
from constrainit.sets import Custom, Intersection, Sign
from constrainit.sets.combine import _Applied
from constrainit.sets.elementwise import bounds_of, limits_of
from constrainit.sets.norms import _Norms
from constrainit.sets.stochastic import _Plans
from constrainit.sets.sums import _Shares


def numbers(before: Any, after: Any, a_set: ConstraintSet | None) -> Any:
    """What can be said of a weight before and after its constraint: the first sixteen numbers.

    On PyTorch an operation on one number costs as much as a pass over a small weight: operators of
    tensors, which cost least, are written rather than functions, and numbers stay together.

    Args:
        before: The weight before its constraint.
        after: The weight after it; `before` itself where there is no constraint.
        a_set: The set of the weight, or None; a weight may obey without a constraint.
    """
    if after is before:
        old = sums.rows(widened(before))
        first = _moments(old, sums.of_one(old))
        return ops.concatenate([first, first, ops.stack(_at_rest(before, a_set, first.dtype))])
    before, after = ops.stop_gradient(before), ops.stop_gradient(after)
    rank = len(before.shape)
    units = ()
    if a_set is not None and bounds_of(a_set) is None and _is_projected(a_set):
        units = a_set._units(rank)
    norms = isinstance(a_set, _Norms)
    both = sums.of_both(before, after, _reached(after, a_set), units, norms)
    if isinstance(both.share, float):
        if (found := _ordinary(before, after, a_set, both)) is not None:
            return ops.convert_to_tensor(found, wide_dtype(dtype_of(before)))
        both = sums.as_tensors(both, before)
    first = _moments(sums.rows(widened(before)), both.old)
    second = _moments(sums.rows(widened(after)), both.new)
    at_bound = both.at_bound
    if at_bound is None:
        at_bound = _at_bound(after, a_set, both.unit_squares)
    way = [*_way(before, after, a_set, both, first), both.share, at_bound]
    return ops.concatenate([first, second, ops.stack([_as(n, first.dtype) for n in way])])


def _ordinary(before, after, a_set, both):
    """All of it in numbers of Python, or None where one needs the care that tensors get below."""
    found, count = [], sums.count_of(before)
    for least, most, total, squares in (both.old, both.new):
        mean = total / count
        spread = squares / count - mean * mean
        if not (spread > 0.01 * mean * mean and _is_tame(squares)):
            return None
        found += [least, most, mean, spread**0.5, squares**0.5, 0.0]
    moved, at_bound = both.moved, both.at_bound
    if at_bound is None:
        at_bound = float(_at_bound(after, a_set, both.unit_squares))
    if not (_is_tame(moved) or both.share == 0):
        return None
    if _is_projected(a_set) and bounds_of(a_set) is not None:
        outside_by = _beyond_bounds(a_set, dtype_of(before), *both.old[:2])
    elif _is_projected(a_set) and both.unit_moves is not None:
        furthest = float(both.unit_moves.max())
        if not (_is_tame(furthest) or both.share == 0):
            return None
        outside_by = furthest**0.5
    else:
        outside_by = float(_violation(before, after, a_set))
    return [*found, outside_by, moved**0.5, both.share, at_bound]


def norm(x: Any) -> Any:
    """The Euclidean norm of all entries, also where their squares overflow or vanish."""
    x = sums.rows(widened(x))
    squares = sums.squares(x)
    return choose(_is_tame(squares), lambda: ops.sqrt(squares), lambda: _scaled_norm(x))


def distance(x: Any, y: Any) -> Any:
    """The norm of `x - y`."""
    x, y = sums.rows(x), sums.rows(y)
    squares = sums.squares_of_change(x, y)

    def scaled():
        return _scaled_norm(widened(x) - widened(y))

    return choose(_is_tame(squares), lambda: ops.sqrt(squares), scaled)


def histogram(flat: Any, bins: int) -> Any:
    """How many entries lie in each of equally wide bins from the least to the largest entry."""
    least, most = ops.min(flat), ops.max(flat)
    share = (flat - least) / ops.maximum(most - least, 1e-30)
    place = ops.clip(ops.cast(share * bins, "int32"), 0, bins - 1)
    return ops.segment_sum(ops.ones_like(flat), place, num_segments=bins)


def _as(number, dtype):
    return number if number.dtype == dtype else ops.cast(number, dtype)


def _scaled_norm(x):
    scale = ops.maximum(sums.largest(x), 1e-30)
    return scale * ops.sqrt(sums.squares(x / scale))


def _moments(w, found):
    """Of the finite entries minimum, maximum, mean, deviation, norm; how many are not finite."""
    count = float(sums.count_of(w))
    least, most, total, squares = found
    mean = total / count
    spread = squares / count - mean * mean
    # The deviation of weights near one would be lost in the square of their mean.
    tame = (spread > 0.01 * mean * mean) & _is_tame(squares)

    def plain():
        return ops.stack([least, most, mean, spread**0.5, squares**0.5, 0.0 * mean])

    return choose(tame, plain, lambda: _careful(w))


def _careful(w):
    """As `_moments`, of what is not finite or too large to be squared."""
    finite = ops.isfinite(w)
    held = ops.cast(finite, w.dtype)
    count = sums.total(held)
    clean = ops.where(finite, w, 0.0)
    scale = ops.maximum(sums.largest(clean), 1e-30)
    unit = clean / scale
    mean = sums.total(unit) / ops.maximum(count, 1.0)
    spread = sums.total(held * ops.square(unit - mean)) / ops.maximum(count, 1.0)
    infinite = float("inf")
    least, _ = sums.ends(ops.where(finite, w, infinite))
    _, most = sums.ends(ops.where(finite, w, -infinite))
    found = ops.stack(
        [least, most, scale * mean, scale * ops.sqrt(spread),
         scale * ops.sqrt(sums.squares(unit))]
    )  # fmt: skip
    found = ops.where(count > 0, found, float("nan"))
    return ops.concatenate([found, ops.reshape(sums.count_of(w) - count, (1,))])


def _way(before, after, a_set, both, first):
    """How far outside `before` is, given what its constraint made of it, and how far it moved."""
    if _is_projected(a_set):
        if bounds_of(a_set) is not None:
            return _beyond(before, after, a_set, first), _moved(before, after, both)
        if a_set._units(len(before.shape)):
            return _units_way(before, after, a_set, both)
    return _violation(before, after, a_set), _moved(before, after, both)


def _at_rest(weight, a_set, dtype):
    """Of a weight that no constraint moves: how far outside it is, and what lies at a bound."""
    nothing = _as(_nothing(), dtype)
    if a_set is None:
        return [nothing] * 4
    outside_by, at_bound = a_set.violation(weight), _at_bound(weight, a_set)
    return [_as(outside_by, dtype), nothing, nothing, _as(at_bound, dtype)]


def _is_projected(a_set):
    """Whether the nearest member was made, and distances are Euclidean ones of units."""
    if a_set is None or isinstance(a_set, (Custom, _Applied)) or a_set.counterpart_of:
        return False
    return type(a_set)._distance is ConstraintSet._distance


def _moved(before, after, both):
    """As `distance`, where the squares and the share that moved are known."""

    def scaled():
        return _scaled_norm(sums.rows(widened(before)) - sums.rows(widened(after)))

    plain = _is_tame(both.moved) | (both.share == 0)
    return choose(plain, lambda: ops.sqrt(both.moved), scaled)


def _violation(before, after, a_set):
    if a_set is None or isinstance(a_set, Custom):
        return _nothing()
    if isinstance(a_set, _Applied) or a_set.counterpart_of:
        # What it made of it is not the projection.
        after = a_set._image(before)
    return outside(a_set, before, after)


def _beyond(before, after, a_set, first):
    """For bounds: nobody is further outside than the least and the largest entry."""
    dtype = dtype_of(before)
    (lower, upper), (low, high) = a_set._bounds(), a_set._stored_bounds(dtype)
    least, most = first[0], first[1]
    found = ops.zeros_like(least)
    if lower is not None:
        below = ops.where(least < nearest(lower, dtype), low - least, 0.0)
        found = ops.maximum(found, below)
    if upper is not None:
        above = ops.where(most > nearest(upper, dtype), most - high, 0.0)
        found = ops.maximum(found, above)
    is_finite = first[5] == 0
    return choose(is_finite, lambda: found, lambda: outside(a_set, before, after))


def _beyond_bounds(a_set, dtype, least, most):
    """As `_beyond`, of finite numbers of Python."""
    (lower, upper), (low, high) = a_set._bounds(), a_set._stored_bounds(dtype)
    below = low - least if lower is not None and least < nearest(lower, dtype) else 0.0
    above = most - high if upper is not None and most > nearest(upper, dtype) else 0.0
    return float(max(below, above, 0.0))


def _units_way(before, after, a_set, both):
    """Where a unit is an array: its squares give both."""
    furthest, squares = ops.max(both.unit_moves), both.moved
    found = choose(
        (_is_tame(furthest) & _is_tame(squares)) | (both.share == 0),
        lambda: ops.sqrt(ops.stack([furthest, squares])),
        lambda: ops.stack([outside(a_set, before, after), distance(before, after)]),
    )
    return ops.unstack(found, 2)


def _reached(after, a_set):
    """At which numbers an entry is at a bound that is the same for all, None if there is none."""
    if (bounds := bounds_of(a_set)) is None:
        return None
    (low, high), dtype = bounds, dtype_of(after)
    stored = a_set._stored_bounds(dtype)
    return (
        None if low is None else max(stored[0], nearest(low, dtype)),
        None if high is None else min(stored[1], nearest(high, dtype)),
    )


def _at_bound(after, a_set, squares=None):
    """The share of entries at a bound, of units at a norm, where the set has one.

    The squares of the units may be known.
    """
    dtype, wide = dtype_of(after), widened(after)
    if (bounds := _reached(after, a_set)) is not None:
        return sums.share_at(wide, *bounds)
    parts = a_set.sets if isinstance(a_set, Intersection) else [a_set]
    if reached := [x for one in parts for x in _at_ends(wide, one, dtype)]:
        at_end = ops.any(ops.stack([ops.broadcast_to(x, wide.shape) for x in reached]), axis=0)
        return sums.total(sums.rows(ops.cast(at_end, "float32"))) / sums.count_of(wide)
    if isinstance(a_set, Sign):
        given = ops.convert_to_tensor(a_set._array(len(wide.shape)) != 0)
        at_zero = ops.cast(ops.logical_and(given, ops.equal(wide, 0)), "float32")
        return sums.total(sums.rows(at_zero)) / float(sums.count_of(wide))
    if isinstance(a_set, (_Shares, _Plans)):
        return sums.share_at(wide, 0.0, None)
    if isinstance(a_set, _Norms):
        lower, upper = a_set._range()
        if squares is None:
            squares = sums.squares_of_units(wide, a_set._units(len(wide.shape)))
        sizes = ops.sqrt(squares)
        margin = 4 * tolerance(dtype)
        at = sizes >= upper * (1 - margin)
        if lower > 0:
            at = ops.logical_or(at, sizes <= lower * (1 + margin))
        return ops.mean(ops.cast(at, "float32"))
    return _nothing()


def _at_ends(wide, a_set, dtype):
    """Which entries are at each end of a set of bounds; nothing of another set."""
    if limits_of(a_set) is None:
        return []
    ends = (*a_set._stored_bounds(dtype), *a_set._rounded_bounds(dtype))
    known = [ops.convert_to_tensor(end, dtype=wide.dtype) for end in ends if end is not None]
    return [ops.equal(wide, end) for end in known]


def _nothing():
    return ops.convert_to_tensor(float("nan"), "float32")


def _is_tame(squares):
    """Whether nothing that counts was lost when numbers were squared."""
    return (squares > 1e-20) & (squares < 1e30)
