"""Logits whose sigmoids have a given sum."""

import math

from keras import ops

from constrainit._compile import choose

from ._limits import at_least, at_most, between
from ._sums import axis_sum

# Further from the level that matters a sigmoid is 0 or 1, in every dtype.
_FAR = 100.0
# Where entries are no further apart, it costs few digits to begin from the largest.
_NARROW = 32.0
# Of Newton, from less than half of one away: four leave nothing but rounding.
_STEPS = 4
_LEAST = 1e-30


def logits_of_sum(v, scale, total):
    """`scale * v`, less one number for each column: so that its sigmoids sum to `total`.

    What is taken off lies near one of the entries, of the rank that `total` is rounded up to. That
    entry goes first, or where all are close together the largest one: then neither 1e30 nor ties
    cost precision. The rest lies between two bounds, which are halved until they are one
    apart, and Newton does the rest.

    The gradient is that of `scale * v`: what is taken off counts as a constant.

    Args:
        v: Finite tensor `(n, columns)`, with two rows at least.
        scale: Number other than zero.
        total: Number above 0 and of at most `n / 2`.

    Source: the map of B. Amos, V. Koltun, J. Z. Kolter, "The limited multi-label projection
    layer", 2019, https://arxiv.org/abs/1906.08707, there for whole numbers and by bisection.
    """
    rank = math.ceil(total)
    fixed = ops.stop_gradient(v) if scale > 0 else -ops.stop_gradient(v)
    peak = ops.max(fixed, axis=0)
    narrow = (peak - ops.min(fixed, axis=0)) * abs(scale) <= _NARROW
    # To find ranks takes several times as long as all the rest.
    level = choose(narrow, lambda: peak, lambda: _of_rank(fixed, rank))
    # As one number with `scale * v` a compiler may round the two apart.
    x = (v - (level if scale > 0 else -level)) * scale
    x = between(x, -_FAR, _FAR)
    return x - _taken(ops.stop_gradient(x), total, rank)


def _of_rank(v, rank):
    """The entry of this rank in each column, counted from the largest on."""
    return ops.min(ops.top_k(ops.transpose(v), rank)[0], axis=-1)


def _taken(x, total, rank):
    """What to take off, where the entry of this rank is at most zero."""
    count = x.shape[0]
    # There only the entries above can be more than half, and all others weigh too little.
    high = math.log((count - rank + 1) / (total - rank + 1) - 1)
    # And here all entries together weigh enough.
    low = -_FAR + math.log((count - total) / total)
    halvings = math.ceil(math.log2(high - low))
    low, high = (ops.full_like(x[:1], one) for one in (low, high))
    for _ in range(halvings):
        middle = (low + high) / 2
        enough = axis_sum(ops.sigmoid(x - middle), (0,)) > total
        low, high = ops.where(enough, middle, low), ops.where(enough, high, middle)
    taken = (low + high) / 2
    for _ in range(_STEPS):
        share = ops.sigmoid(x - taken)
        slope = at_least(axis_sum(share * (1 - share), (0,)), _LEAST)
        step = (axis_sum(share, (0,)) - total) / slope
        # No further than the root can be: where all are 0 or 1, the slope is rounding.
        taken = taken + at_most(at_least(step, -1.0), 1.0)
    return taken
