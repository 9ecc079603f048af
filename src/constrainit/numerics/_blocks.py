"""Iterations over large weights, block by block, so that each block stays in the cache."""

import math

import keras
from keras import ops

# Entries of a block: half a megabyte of float32, as in `_norms`. Eight of them fit all at once.
_BLOCK = 2**17
_LARGE = 2**20
# Blocks may be smaller by this factor; many small ones take longer than the whole.
_SMALLER = 8


def by_blocks(function, w, axis):
    """`function(w, axis)` for a function that treats the units along `axis` apart.

    An iteration passes over a weight many times. One beyond the cache is read from memory each
    time, and a unit that has long ended goes round with the slowest. On one CPU a large weight is
    taken in blocks of whole units, one after the other. Elsewhere it is taken as it is: a device
    that computes in parallel, or holds a part of the weight, is not made to wait. So it is where
    the units do not part into blocks of about that size, as a prime number of them.

    Args:
        function: Takes a tensor and its axes, gives a tensor of the same shape.
        w: Float tensor.
        axis: Tuple of the axes of a unit. Those that are neither the first nor the last of `w`
            are taken as they are.
    """
    rank, size = len(w.shape), math.prod(w.shape)
    own = sorted(one % rank for one in axis)
    first, last = own == list(range(len(own))), own == list(range(rank - len(own), rank))
    if size <= _LARGE or not 0 < len(own) < rank or not (first or last) or not _on_one_cpu(w):
        return function(w, axis)
    entries = math.prod(w.shape[one] for one in own)
    units = size // entries
    wanted = max(_BLOCK // entries, 1)
    together = _divisor(units, wanted)
    if _SMALLER * together < wanted:
        return function(w, axis)
    rows = ops.transpose(ops.reshape(w, (entries, units))) if first else w
    blocks = ops.reshape(rows, (units // together, together, entries))
    image = ops.reshape(ops.map(lambda block: function(block, (1,)), blocks), (units, entries))
    return ops.reshape(ops.transpose(image) if first else image, w.shape)


def _divisor(number, most):
    """The largest divisor of a number that is at most `most`."""
    return next(n for n in range(min(most, number), 0, -1) if number % n == 0)


def _on_one_cpu(w) -> bool:
    backend = keras.backend.backend()
    if backend == "torch":
        return w.device.type == "cpu"
    if backend == "jax":
        import jax

        return jax.default_backend() == "cpu" and jax.device_count() == 1
    import tensorflow as tf

    devices = tf.config.list_logical_devices()
    return [device.device_type for device in devices] == ["CPU"]
