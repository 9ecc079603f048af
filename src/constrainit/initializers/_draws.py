"""The draws that initial weights come from, before they are rounded into a set.

Each gives a matrix `(inputs, units)` in `wide_dtype(dtype)`, made of `keras.ops`, so that it can be
compiled and sharded. `where` is None or a matrix of booleans: entries outside it are zero.
"""

import math
from random import Random

import ml_dtypes
import numpy as np
from keras import ops, random

from constrainit._precision import numpy_dtype, wide_dtype


def fans(shape, axes):
    """How many weights feed one unit, and how many units one input feeds.

    As Keras counts them: in a convolution both are multiplied by the size of the window.
    """
    if len(shape) < 2:
        size = math.prod(shape)
        return max(size, 1), max(size, 1)
    fan_in = math.prod(shape[a] for a in axes) if axes else math.prod(shape[:-1])
    window = math.prod(shape[:-2])
    return max(fan_in, 1), max(math.prod(shape) * window // max(fan_in, 1), 1)


class PassedSeed(random.SeedGenerator):
    """A seed that is an argument of a compiled draw: two integers, in the place of one.

    Keras draws from an integer, which would be compiled in, or from a generator with a state.
    """

    def __init__(self, pair):
        self.pair = pair

    def next(self, ordered=True):
        """The same seed each time, as for an integer."""
        return self.pair

    def nth(self, index):
        """A seed of its own for the `index`-th of several draws."""
        stride, offset = np.array([1, 1_000_003], "uint32"), np.array([0, index + 1], "uint32")
        return PassedSeed(self.pair * stride + offset)


def nth_seed(seed, index):
    """A seed of its own for the `index`-th of several draws."""
    if isinstance(seed, PassedSeed):
        return seed.nth(index)
    # Not `seed + index`: the second draw of one seed would be the first of the next.
    return Random(f"{seed}/{index}").randrange(2**31) if isinstance(seed, int) else seed


def uniform(shape, dtype, seed):
    """Uniform on [0, 1), in the dtype of the arithmetic."""
    return random.uniform(shape, dtype=wide_dtype(dtype), seed=seed)


def normal(shape, dtype, seed):
    """Standard normal, in the dtype of the arithmetic."""
    return random.normal(shape, dtype=wide_dtype(dtype), seed=seed)


def uniform_weights(height, width, dtype, seed, where=None):
    """As `uniform`, as a draw."""
    return only(uniform((height, width), dtype, seed), where)


def scaled(draw, factor):
    """A draw times a number."""
    return lambda *size, **named: factor * draw(*size, **named)


def shifted(draw, lower):
    """A draw plus a number."""

    def moved(height, width, dtype, seed, where=None):
        return only(lower + draw(height, width, dtype, seed, where), where)

    return moved


def unmasked(draw):
    """A draw that knows no mask, with an argument for it that is left out."""
    return lambda height, width, dtype, seed, where=None: draw(height, width, dtype, seed)


def ranks(height, width, dtype, seed, where):
    """The place of each entry in a random order of its column; entries outside `where` last."""
    noise = uniform((height, width), dtype, seed)
    noise = ops.where(where, noise, ops.ones_like(noise))
    return ops.argsort(ops.argsort(noise, axis=0), axis=0)


def only(w, where):
    """`w` with zeros outside of `where`."""
    return w if where is None else ops.where(where, w, ops.zeros_like(w))


def centred(w, where, least):
    """Each column less its mean, unless it has fewer than `least` entries."""
    if where is None:
        return w - ops.mean(w, axis=0, keepdims=True) if w.shape[0] >= least else w
    kept = ops.cast(where, w.dtype)
    count = ops.sum(kept, axis=0, keepdims=True)
    mean = ops.sum(w * kept, axis=0, keepdims=True) / ops.maximum(count, 1.0)
    return (w - ops.where(count >= least, mean, ops.zeros_like(mean))) * kept


def sphere(height, width, dtype, seed, where=None, *, least):
    """Columns of norm one in uniform directions; from `least` entries on, of those of sum zero.

    A column of sum zero passes on nothing of a level that all inputs have in common, so that a
    constant bias puts every unit where it should be.

    Columns that have no direction but a sign would be alike: their norms differ, with a mean square
    of one.
    """
    w = centred(normal((height, width), dtype, seed), where, least)
    norm = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
    w = w / ops.where(norm > 0, norm, ops.ones_like(norm))
    if where is None:
        return w * own_norms(width, dtype, seed) if height - (height >= least) < 2 else w
    count = ops.sum(ops.cast(where, "int32"), axis=0, keepdims=True)
    signs = count - ops.cast(count >= min(least, height + 1), "int32") < 2
    return w * ops.where(signs, own_norms(width, dtype, seed), ops.ones_like(norm))


_SQUARES, _OF_NORMS = (0.7, 1.3), 97
LARGEST = math.sqrt(_SQUARES[1])
"""What `own_norms` stays below."""


def own_norms(width, dtype, seed):
    """A norm for each column, of mean square one."""
    least, most = _SQUARES
    share = uniform((1, width), dtype, nth_seed(seed, _OF_NORMS))
    return ops.sqrt(least + (most - least) * share)


def sparse_sphere(height, width, dtype, seed, where=None, *, count, least):
    """As `sphere`, in directions of `count` entries, in other places for each column."""
    noise = uniform((height, width), dtype, nth_seed(seed, 0))
    noise = noise if where is None else ops.where(where, noise, ops.full_like(noise, 2.0))
    chosen = ops.argsort(ops.argsort(noise, axis=0), axis=0) < count
    chosen = chosen if where is None else ops.logical_and(chosen, where)
    return sphere(height, width, dtype, nth_seed(seed, 1), chosen, least=least)


def of_one_sum(height, width, dtype, seed, where=None, *, draw):
    """A draw whose columns are scaled so that their magnitudes sum to one."""
    w = draw(height, width, dtype, seed, where)
    total = ops.sum(ops.abs(w), axis=0, keepdims=True)
    return w / ops.where(total > 0, total, ops.ones_like(total))


def sphere_beside(height, width, dtype, seed, basis):
    """Columns of norm one in uniform directions at right angles to orthonormal columns."""
    w = normal((height, width), dtype, seed)
    basis = ops.convert_to_tensor(basis, dtype=w.dtype)
    for _ in range(2):
        w = w - basis @ (ops.transpose(basis) @ w)
    w = w / ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
    return w * own_norms(width, dtype, seed) if height - basis.shape[1] < 2 else w


def exponential(height, width, dtype, seed, where=None):
    """Exponential weights of mean one."""
    return only(-ops.log1p(-uniform((height, width), dtype, seed)), where)


def shares(height, width, dtype, seed, where=None):
    """Columns of the flat Dirichlet law: non-negative, of sum one."""
    w = exponential(height, width, dtype, seed, where)
    total = ops.sum(w, axis=0, keepdims=True)
    return w / ops.where(total > 0, total, ops.ones_like(total))


def spikes(height, width, dtype, seed, where=None):
    """A single one in each column; the columns take turns, so that every input is used.

    Under a mask: anywhere in the mask.
    """
    noise = uniform((height, max(math.ceil(width / height), 1)), dtype, seed)
    if where is not None:
        noise = ops.where(where, uniform((height, width), dtype, seed), -1.0)
        place = ops.argmax(noise, axis=0)
        return only(ops.transpose(ops.one_hot(place, height, dtype=noise.dtype)), where)
    orders = ops.reshape(ops.transpose(ops.argsort(noise, axis=0)), (-1,))[:width]
    return ops.transpose(ops.one_hot(orders, height, dtype=noise.dtype))


def spread_spikes(height, width, dtype, seed, where=None, *, spread):
    """Columns of sum one: all of it on one input, but for a share `spread` over all."""
    dense = shares(height, width, dtype, nth_seed(seed, 0), where)
    if spread >= 1:
        return dense
    return (1.0 - spread) * spikes(height, width, dtype, nth_seed(seed, 1), where) + spread * dense


def exact_sum(w, total, dtype, where=None):
    """Columns rounded so that they sum to `total` in every order of summation.

    Every weight becomes a multiple of the spacing of the storage dtype just below `total`; then
    every partial sum is a number of the dtype. The surplus goes to the largest remainders. In
    bfloat16 that is at most 256 pieces for a column.
    """
    info = ml_dtypes.finfo(dtype)
    stored = float(np.asarray(total).astype(numpy_dtype(dtype)))
    quantum = math.ldexp(float(info.eps), math.frexp(math.nextafter(stored, 0.0))[1] - 1)
    pieces = round(stored / quantum)
    kept = ops.ones_like(w, dtype="bool") if where is None else where
    scaled = ops.where(kept, w * (pieces / total), ops.zeros_like(w))
    whole = ops.floor(scaled)
    remainder = ops.where(kept, scaled - whole, ops.full_like(w, -1.0))
    lacking = pieces - ops.sum(whole, axis=0, keepdims=True)
    rank = ops.cast(ops.argsort(ops.argsort(-remainder, axis=0), axis=0), w.dtype)
    whole = whole + ops.cast(ops.logical_and(rank < lacking, kept), w.dtype)
    # What is left, by the rounding of the arithmetic or a mask of few entries, goes to the largest.
    top = ops.one_hot(ops.argmax(scaled, axis=0), w.shape[0], dtype=w.dtype)
    whole = whole + ops.transpose(top) * (pieces - ops.sum(whole, axis=0, keepdims=True))
    used = ops.any(kept, axis=0, keepdims=True)
    return ops.where(used, only(whole, where), ops.zeros_like(w)) * quantum


def log_uniform(height, width, dtype, seed, where=None, *, lower, upper):
    """Weights whose logarithm is uniform between those of two positive bounds."""
    share = uniform((height, width), dtype, seed)
    return only(lower * ops.exp(math.log(upper / lower) * share), where)


def permuted(height, width, dtype, seed, where=None, *, values):
    """The same values in every column, each time in another order."""
    orders = ops.argsort(uniform((height, width), dtype, seed), axis=0)
    return ops.take(ops.convert_to_tensor(values, dtype=wide_dtype(dtype)), orders)


_MANY = 16
"""Of so many entries at one of two ends hardly two columns are alike."""


def edge_of(count):
    """How far before an end a column of so many entries ends at most, see `two_sided`."""
    return 0.25 if count < _MANY else 0.0


def spread(ends, edge):
    """The variance of `two_sided`, relative to `left * right`."""
    return (1 + ends * (3 * (1 - edge + edge**2 / 3) - 1)) / 3


def two_sided(height, width, dtype, seed, where=None, *, left, right, ends, edge=0.0):
    """Mean zero on `[-left, right]`: uniform on each side, the sides weighted to cancel.

    A share `ends` of the weights sits at the two ends. The variance is
    `left * right * (1 + 2 * ends) / 3`. Columns of few entries, all at ends, would be alike: with
    `edge` they end up to that share of a side before it, see `spread`.
    """
    side, at_end, within = uniform((3, height, width), dtype, seed)
    size = ops.where(at_end < ends, 1.0 - edge * within, within)
    return only(ops.where(side < left / (left + right), right * size, -left * size), where)
