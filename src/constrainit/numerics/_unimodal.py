"""Least squares of sequences that rise up to a place and fall from there on."""

from keras import ops

from ._isotonic import isotonic
from ._limits import at_least, at_most

# Below every mean of numbers that are at most one in size.
_NEVER = -2.0


def unimodal(w):
    """Nearest columns that rise up to some place and fall from there on, to the columns of `w`.

    A column is cut in two, and each part is an isotonic regression by itself: where both meet,
    the higher one is the peak. The cut is the one of the least error, of all `n + 1`.

    Args:
        w: Float tensor `(n, columns)` without NaN or infinity.

    Source: Q. Stout, "Unimodal regression via prefix isotonic regression", 2008.
    """
    length = w.shape[0]
    rises = ops.arange(length)[:, None] < _cut(w)
    # Above everything else, so that it moves nothing.
    top = ops.broadcast_to(ops.max(w, axis=0, keepdims=True), w.shape)
    rising, falling = ops.where(rises, w, top), ops.where(rises, top, w)
    image = isotonic(ops.concatenate([rising, ops.flip(falling, axis=0)], axis=1))
    rising, falling = ops.split(image, 2, axis=1)
    return ops.where(rises, rising, ops.flip(falling, axis=0))


def peaked(w, peak):
    """As `unimodal` with the peak at a given place: of convex sets.

    Both sides are isotonic regressions, and what of them lies above some level is taken to it: the
    root of `sum(max(sides - level, 0)) = level - w[peak]`, where the sides in one order meet the
    peak.

    Args:
        w: Float tensor `(n, columns)` without NaN or infinity.
        peak: Index of the largest entry, not negative.
    """
    left, right = w[:peak], ops.flip(w[peak + 1 :], axis=0)
    left, right = (isotonic(side) if side.shape[0] else side for side in (left, right))
    sides = ops.sort(ops.concatenate([left, right], axis=0), axis=0)
    top = isotonic(ops.concatenate([sides, w[peak : peak + 1]], axis=0))[-1:]
    image = ops.concatenate(
        [at_most(left, top), top, ops.flip(at_most(right, top), axis=0)], axis=0
    )
    # The mean of what meets the peak, from the weights themselves: the level is off by a rounding
    # of its sides, which may be larger than it.
    met = image >= top
    total = ops.sum(ops.where(met, w, ops.zeros_like(w)), axis=0, keepdims=True)
    top = total / ops.sum(ops.cast(met, w.dtype), axis=0, keepdims=True)
    return ops.where(met, top, at_most(image, top))


def _cut(w):
    """How many entries of each column rise, where the error of all is the least."""
    length, columns = w.shape
    # The largest squares must neither overflow nor be lost beside a common level.
    x = w / _size(w)
    x = x - ops.sum(x, axis=0, keepdims=True) / length
    x = x / _size(x)
    both = ops.concatenate([x, ops.flip(x, axis=0)], axis=1)
    kept = _kept(both)
    rising, falling = ops.split(kept, [columns], axis=1)
    return ops.argmax(rising + ops.flip(falling, axis=0), axis=0)[None]


def _kept(x):
    """The squared norms of the isotonic regressions of all prefixes: `(n + 1, columns)`.

    What the regression of a prefix takes off its square is its error. The last block of a prefix
    begins where the mean up to its end is the largest, and what comes before is the regression
    of a shorter prefix.
    """
    length, columns = x.shape
    start = ops.arange(length)[:, None]
    rows = ops.arange(length + 1)[:, None]

    def unfinished(end, sums, kept):
        return end < length

    def longer(end, sums, kept):
        begun = start <= end
        sums = ops.where(begun, sums + ops.take(x, end, axis=0)[None], sums)
        count = ops.cast(at_least(end - start + 1, 1), x.dtype)
        means = ops.where(begun, sums / count, _NEVER)
        last = ops.equal(means, ops.max(means, axis=0, keepdims=True))
        squares = ops.where(last, kept[:-1] + sums * means, _NEVER)
        squares = ops.max(squares, axis=0, keepdims=True)
        return end + 1, sums, ops.where(ops.equal(rows, end + 1), squares, kept)

    state = ops.convert_to_tensor(0), ops.zeros_like(x), ops.zeros((length + 1, columns), x.dtype)
    return ops.while_loop(unfinished, longer, state, maximum_iterations=length)[2]


def _size(x):
    """The largest magnitude of each column, one for zeros."""
    peak = ops.max(ops.abs(x), axis=0, keepdims=True)
    return ops.where(peak > 0, peak, ops.ones_like(peak))
