"""The larger and the smaller of two numbers, in the dtype of the first.

`ops.maximum` and `ops.minimum` take float64 down to float32 on PyTorch (Keras 3.15.1).
"""

from keras import ops


def at_least(x, bound):
    """`x`, or `bound` where `x` is below it."""
    # Not `ops.cast`: on TensorFlow it makes a float32 of a Python number first.
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x < bound, bound, x)


def at_most(x, bound):
    """`x`, or `bound` where `x` is above it."""
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x > bound, bound, x)
