"""The largest entries of a tensor."""

import keras
from keras import ops


def largest(x):
    """The largest entry of all, as a scalar; NaN if one is.

    A maximum of XLA passes over NaN: on JAX in arrays of some thousand entries, on TensorFlow
    wherever it compiles.
    """
    if keras.backend.backend() == "torch":
        return ops.max(x)
    return ops.where(ops.any(ops.isnan(x)), ops.full((), float("nan"), x.dtype), ops.max(x))


def keep_largest(w, count):
    """`w` with zeros in place of all but the `count` largest magnitudes along the last axis.

    Of equal magnitudes those with the lower index are kept.

    Args:
        w: Float tensor without NaN.
        count: Positive integer.
    """
    if count >= w.shape[-1]:
        return w
    return ops.where(are_largest(ops.abs(w), count), w, ops.zeros_like(w))


def are_largest(x, count):
    """Which are the `count` largest entries along the last axis, of equal ones the first."""
    if count >= x.shape[-1]:
        return ops.ones_like(x, dtype="bool")
    least = ops.top_k(x, count)[0][..., -1:]
    above, tied = x > least, ops.equal(x, least)
    room = count - ops.sum(ops.cast(above, "int32"), axis=-1, keepdims=True)
    first = ops.cumsum(ops.cast(tied, "int32"), axis=-1) <= room
    return ops.logical_or(above, ops.logical_and(tied, first))
