"""The passes over a weight that a log is made of, each as cheap as the backend has it.

PyTorch computes each operation by itself: products of vectors, no comparisons, and its own
operations, as Keras takes some ten microseconds to find each of them; two weights are gone through
in blocks, see `_log_sums_torch`. XLA computes what leads to a sum together with the sum, unless two
sums share it, or it is made of two arrays: then it is written out in full, which costs more than
the sums.
"""

import functools
import operator
from typing import Any, NamedTuple

import keras
from keras import ops

from constrainit._compile import choose, exact_products
from constrainit._precision import widened

EAGER = keras.backend.backend() == "torch"
_JAX = keras.backend.backend() == "jax"


class Sums(NamedTuple):
    """What the moments of a weight are made of.

    Attributes:
        least: The smallest entry.
        most: The largest entry.
        total: The sum of all entries.
        squares: The sum of all squares.
    """

    least: Any
    most: Any
    total: Any
    squares: Any


class Both(NamedTuple):
    """What is found of a weight before and after something.

    Attributes:
        old: Of the weight before.
        new: Of the weight after.
        moved: The sum of squares of the difference.
        share: The share of entries that differ.
        at_bound: The share of entries at a bound afterwards, None without bounds.
        unit_moves: The sum of squares of the difference by unit, None if there are no units.
        unit_squares: The sum of squares of the weight after by unit, if it is asked for.
    """

    old: Sums
    new: Sums
    moved: Any
    share: Any
    at_bound: Any
    unit_moves: Any
    unit_squares: Any


def rows(w: Any) -> Any:
    """A weight of any rank as a matrix, units last."""
    shape = (-1, w.shape[-1]) if len(w.shape) > 1 else (-1, 1)
    return w.detach().reshape(shape) if EAGER else ops.reshape(w, shape)


def of_one(w: Any, unit_squares: Any = None) -> Sums:
    """The sums of a matrix, of which the squares may be known by unit."""
    return Sums(*ends(w), total(w), squares(w) if unit_squares is None else ops.sum(unit_squares))


def of_both(
    before: Any,
    after: Any,
    bounds: tuple[float | None, float | None] | None,
    units: tuple[int, ...],
    norms: bool,
) -> Both:
    """The sums of a weight before and after something, and of the way between the two.

    Args:
        before: A weight of any rank.
        after: Another of its shape.
        bounds: At which numbers an entry is at a bound, or None.
        units: The axes of a unit that is an array, else empty.
        norms: Whether the squares of the units are asked for.
    """
    if EAGER:
        return _both_eagerly(before, after, bounds, units, norms)
    old, new = rows(widened(before)), rows(widened(after))
    unit_moves = unit_squares = None
    if units:
        unit_moves = squares_of_units(widened(before), units, widened(after))
    if norms and units:
        unit_squares = squares_of_units(widened(after), units)
    share, first = share_other(old, new), of_one(old)
    # Where nothing moved nothing new is to be said of it.
    second = choose(
        share > 0, lambda: ops.stack(of_one(new, unit_squares)), lambda: ops.stack(first)
    )
    moved = squares_of_change(old, new) if unit_moves is None else ops.sum(unit_moves)
    at_bound = None if bounds is None else share_at(new, *bounds)
    second = Sums(*ops.unstack(second, 4))
    return Both(first, second, moved, share, at_bound, unit_moves, unit_squares)


def _both_eagerly(before, after, bounds, units, norms):
    from constrainit.callbacks import _log_sums_torch as passes

    old, new = rows(before), rows(after)
    low, high = bounds or (None, None)
    is_last = bool(units) and units == tuple(range(len(before.shape) - 1))
    found, moves, sizes = passes.of_both(old, new, low, high, is_last)
    if units and not is_last:
        moves = squares_of_units(widened(before), units, widened(after))
        sizes = squares_of_units(widened(after), units) if norms else None
    moved, differ, at_bound = found[8:]
    # Where the bounds meet, an entry is at both.
    count = count_of(old)
    at_bound = None if bounds is None else _at_most_one(at_bound / count)
    first, second = Sums(*found[:4]), Sums(*found[4:8])
    return Both(first, second, moved, differ / count, at_bound, moves, sizes)


def _at_most_one(share):
    return min(share, 1.0) if isinstance(share, float) else share.clamp(max=1.0)


def as_tensors(both: Both, like: Any) -> Both:
    """With tensors in place of the numbers that PyTorch gives on a processor."""
    import torch

    def tensor(x):
        return torch.tensor(x, dtype=widened(like).dtype) if isinstance(x, float) else x

    old, new, *others = both
    return Both(Sums(*map(tensor, old)), Sums(*map(tensor, new)), *map(tensor, others))


def count_of(w: Any) -> int:
    """How many entries it has."""
    count = 1
    for size in w.shape:
        count *= size
    return count


# On JAX down the rows first: neighbours in memory then go through the processor side by side, where
# XLA adds up a whole array number by number (16 times slower on a CPU). TensorFlow, which does not
# compile a step for a CPU, is twice as slow so, and has the sum of squares as one operation.
def total(x: Any) -> Any:
    """The sum of all entries."""
    if EAGER:
        return x.sum()
    return ops.sum(ops.sum(x, axis=0)) if _JAX else ops.sum(x)


def ends(x: Any) -> tuple[Any, Any]:
    """The smallest entry and the largest."""
    if EAGER:
        return x.aminmax()
    if _JAX:
        return ops.min(ops.min(x, axis=0)), ops.max(ops.max(x, axis=0))
    return ops.min(x), ops.max(x)


def largest(x: Any) -> Any:
    """The largest magnitude, without a copy of all magnitudes."""
    least, most = ends(x)
    return ops.maximum(most, -least)


def squares(x: Any) -> Any:
    """The sum of all squares."""
    if EAGER:
        flat = x.reshape(-1)
        return flat.dot(flat)
    if _JAX:
        return total(ops.square(at_once(x)[0]))
    import tensorflow as tf

    return 2.0 * tf.nn.l2_loss(x)


def squares_of_change(x: Any, y: Any) -> Any:
    """The sum of squares of the difference of two matrices."""
    if EAGER:
        from constrainit.callbacks._log_sums_torch import squares_of_change

        return squares_of_change(x, y)
    x, y = widened(x), widened(y)
    if _folds(x):
        return ops.sum(_folded(_square_of_change, x, y))
    return squares(x - y)


def _square_of_change(x, y):
    return ops.square(x - y)


def squares_of_units(x: Any, units: tuple[int, ...], y: Any = None) -> Any:
    """The sum of squares of each unit, or of its change, as one array whatever is made of it."""
    if y is not None and units == tuple(range(len(x.shape) - 1)) and _folds(rows(x)):
        return _folded(_square_of_change, rows(x), rows(y))
    x = x if y is None else x - y
    found = ops.sum(ops.square(x), axis=units) if units else ops.square(x)
    return at_once(found)[0]


def at_once(*values: Any) -> tuple[Any, ...]:
    """The values, all of which exist before one of them is used."""
    if not _JAX:
        return values
    import jax

    return jax.lax.optimization_barrier(values)


def share_other(a: Any, b: Any) -> Any:
    """The share of entries of two arrays that are not equal."""
    return _share("not_equal", a, b)


def share_at(x: Any, low: float | None, high: float | None) -> Any:
    """The share of entries that are not between two bounds, of which one may be None.

    All of them where the bounds meet.
    """
    if low is None:
        return _share("greater_equal", x, high)
    at_low = _share("less_equal", x, low)
    if high is None:
        return at_low
    # Where the bounds meet, an entry is at both.
    return ops.minimum(at_low + _share("greater_equal", x, high), 1.0)


def _share(compare, x, y):
    """The share of entries that a comparison is true of."""
    if EAGER:
        import torch

        # Into floats in a third of the time that it takes into booleans, and sums of those exact.
        return total(getattr(torch, compare)(x, y, out=torch.empty_like(x))) / count_of(x)
    x = rows(x)
    y = y if isinstance(y, float) else rows(y)

    def flags(*matrices):
        return ops.cast(getattr(ops, compare)(*matrices, *others), "float32")

    matrices, others = ((x,), (y,)) if isinstance(y, float) else ((x, y), ())
    found = ops.sum(_folded(flags, *matrices)) if _folds(x) else total(flags(*matrices))
    return found / float(count_of(x))


_SLABS, _LARGE = 8, 2**16


def _folds(x):
    """Whether what is made of large matrices is added up by slabs: on one processor by JAX."""
    if not _JAX or count_of(x) < _LARGE or x.shape[0] < _SLABS:
        return False
    import jax

    # Rows of a weight that several devices share would have to be sent.
    return jax.default_backend() == "cpu" and jax.device_count() == 1


def _folded(act, *matrices):
    """The sums of columns of what is made of matrices number by number.

    XLA writes it out before it adds it up, in twice the time. Sums of a few slabs it makes of the
    matrices at once; the product behind them keeps it from adding up everything in one.
    """
    height = matrices[0].shape[0] // _SLABS

    def of_slab(start, end):
        return act(*(x[start:end] for x in matrices))

    slabs = [of_slab(i * height, (i + 1) * height) for i in range(_SLABS)]
    sums = functools.reduce(operator.add, slabs)
    with exact_products():
        found = ops.matmul(ops.ones(height, sums.dtype), sums)
    rest = matrices[0].shape[0] % _SLABS
    return found + ops.sum(of_slab(-rest, None), axis=0) if rest else found
