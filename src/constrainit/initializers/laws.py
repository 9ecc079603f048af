"""The laws that initial weights are drawn from, before they are rounded into a set.

Each takes a shape, the dtype of the arithmetic, a seed and what it needs to know of the set, and
gives a tensor. `units` are the axes that feed one unit.
"""

import math
from random import Random

from keras import ops, random


def fans(shape, units):
    """How many weights feed one unit, and how many units one input feeds.

    As Keras counts them: in a convolution both are multiplied by the size of the window.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return max(size, 1), max(size, 1)
    fan_in = math.prod(shape[a] for a in units) if units else math.prod(shape[:-1])
    window = math.prod(shape[:-2])
    return max(fan_in, 1), max(math.prod(shape) * window // max(fan_in, 1), 1)


def glorot_variance(shape, units):
    """The variance of Keras' default kernel."""
    return 2.0 / sum(fans(shape, units))


def glorot_uniform(shape, dtype, seed, units):
    """Uniform weights of mean zero and the Glorot variance."""
    limit = math.sqrt(3.0 * glorot_variance(shape, units))
    return random.uniform(shape, -limit, limit, dtype=dtype, seed=seed)


def glorot_normal(shape, dtype, seed, units):
    """Normal weights of mean zero and the Glorot variance."""
    deviation = math.sqrt(glorot_variance(shape, units))
    return random.normal(shape, stddev=deviation, dtype=dtype, seed=seed)


def dirichlet(shape, dtype, seed, units):
    """Uniform on the simplex along `units`: exponential weights over their sum."""
    draw = -ops.log1p(-random.uniform(shape, dtype=dtype, seed=seed))
    return draw / ops.sum(draw, axis=units, keepdims=True) if units else ops.ones_like(draw)


def haar(shape, dtype, seed):
    """Uniform on the matrices with orthonormal columns (rows where wide).

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups", 2007.
    """
    height, width = shape
    if height < width:
        return ops.transpose(haar((width, height), dtype, seed))
    q, r = ops.qr(random.normal(shape, dtype=dtype, seed=seed))
    return q * ops.cast(ops.where(ops.diagonal(r) < 0, -1.0, 1.0), q.dtype)


def nth_seed(seed, index):
    """A seed of its own for the `index`-th of several draws."""
    # Not `seed + index`: the second draw of one seed would be the first of the next.
    return Random(f"{seed}/{index}").randrange(2**31) if isinstance(seed, int) else seed


def bounded(shape, dtype, seed, lower, upper):
    """Weights between two bounds, either of which may be None.

    Zero inside: mean zero and the Glorot variance, or the largest variance that the bounds allow.
    Zero outside: mean `1 / fan_in`, or as near as the bounds allow with weights that still differ.
    """
    units = tuple(range(max(len(shape) - 1, 1)))[: len(shape)]
    if lower is None:
        lower = -math.inf
    if upper is None:
        upper = math.inf
    if upper <= 0:
        return -bounded(shape, dtype, seed, -upper, -lower)
    if lower >= 0:
        return _one_sided(shape, dtype, seed, lower, upper, 1.0 / fans(shape, units)[0])
    return _centred(shape, dtype, seed, -lower, upper, glorot_variance(shape, units))


def _one_sided(shape, dtype, seed, lower, upper, mean):
    if upper == math.inf:
        # Above a minimum that is already too large on average, the spread of the free case is
        # kept at a quarter, so that units still differ.
        excess = max(mean - lower, 0.25 * mean)
        half_normal = ops.abs(random.normal(shape, dtype=dtype, seed=seed))
        return lower + excess * math.sqrt(math.pi / 2) * half_normal
    top = min(upper, max(2 * mean - lower, 2 * lower))
    return random.uniform(shape, lower, top, dtype=dtype, seed=seed)


def _centred(shape, dtype, seed, left, right, variance):
    """Mean zero on `[-left, right]`: uniform on each side, the sides weighted to cancel.

    That law has variance `left * right / 3`. If more is wanted, a share of the weights goes to
    the two ends, whose law has variance `left * right`, the most that mean zero allows.
    """
    near = min(left, math.sqrt(3.0 * variance))
    right = min(right, 3.0 * variance / near)
    left = min(left, 3.0 * variance / right)
    ends = min(max((3.0 * variance / (left * right) - 1.0) / 2.0, 0.0), 1.0)
    side, at_end, within = random.uniform((3, *shape), dtype=dtype, seed=seed)
    size = ops.where(at_end < ends, ops.ones_like(within), within)
    return ops.where(side < left / (left + right), right * size, -left * size)
