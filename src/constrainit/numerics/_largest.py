"""The largest entries of a vector."""

from keras import ops


def keep_largest(w, count):
    """`w` with zeros in place of all but the `count` largest magnitudes along the last axis.

    Of equal magnitudes those with the lower index are kept.

    Args:
        w: Float tensor without NaN.
        count: Positive integer.
    """
    if count >= w.shape[-1]:
        return w
    size = ops.abs(w)
    least = ops.top_k(size, count)[0][..., -1:]
    above, tied = size > least, ops.equal(size, least)
    room = count - ops.sum(ops.cast(above, "int32"), axis=-1, keepdims=True)
    first = ops.cumsum(ops.cast(tied, "int32"), axis=-1) <= room
    return ops.where(ops.logical_or(above, ops.logical_and(tied, first)), w, ops.zeros_like(w))
