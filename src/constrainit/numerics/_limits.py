"""Numbers taken to a bound, in the dtype that they have, in the way that suits each backend.

`ops.maximum` and `ops.minimum` take float64 down to float32 on PyTorch (Keras 3.15.1), and with a
bound of 0 some backends return 0.0 for -0.0, or 0.0 for a NaN. `ops.where` does none of that; it
costs nothing where the backend fuses it and several passes over memory where it does not.
"""

import functools
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._precision import dtype_of, numpy_dtype


def at_least(x, bound):
    """`x`, or `bound` where `x` is below it."""
    if keras.backend.backend() == "torch" and not isinstance(bound, np.ndarray):
        return x.clamp(min=bound)
    # Not `ops.cast`: on TensorFlow it makes a float32 of a Python number first.
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x < bound, bound, x)


def at_most(x, bound):
    """`x`, or `bound` where `x` is above it."""
    if keras.backend.backend() == "torch" and not isinstance(bound, np.ndarray):
        return x.clamp(max=bound)
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x > bound, bound, x)


def between(x, low, high, out=None):
    """`x`, or the bound that it is beyond. A NaN stays.

    Bounds are numbers, None, or arrays of NumPy that broadcast to `x`. `out` is a tensor of PyTorch
    that the result may be written into.
    """
    backend = keras.backend.backend()
    if isinstance(low, np.ndarray) or isinstance(high, np.ndarray):
        x = x if low is None else at_least(x, low)
        return x if high is None else at_most(x, high)
    if backend == "torch":
        import torch

        if 0.0 in (low, high) and x.device.type != "cpu":
            # Elsewhere a clamp may give 0.0 for -0.0.
            return _threshold(x, low, high, low, high)
        return torch.clamp(x, low, high, out=out)
    if backend == "tensorflow":
        return _between_on_tensorflow(x, low, high)
    x = x if low is None else at_least(x, low)
    return x if high is None else at_most(x, high)


def _between_on_tensorflow(x, low, high):
    import tensorflow as tf

    ends = -np.inf if low is None else low, np.inf if high is None else high
    least, most = (ops.convert_to_tensor(end, dtype=x.dtype) for end in ends)
    return tf.raw_ops.ClipByValue(t=x, clip_value_min=least, clip_value_max=most)


def factor_into(size, low, high, below, above) -> Any:
    """The factor that takes a size to `below` where it is less than `low`, to `above` above `high`.

    It is one to the bit for a size between them. The four are numbers of the dtype of `size`,
    which is positive; None for no bound.
    """
    if keras.backend.backend() == "torch":
        return _threshold(size, low, high, below, above) / size
    # Not a quotient of equals: XLA may compute the two apart, or divide by a reciprocal.
    factor = ops.ones_like(size)
    if low is not None:
        factor = ops.where(size < low, below / size, factor)
    return factor if high is None else ops.where(size > high, above / size, factor)


def _threshold(x, low, high, below, above):
    """`x`, or `below` where it is less than `low`, or `above` where it is more than `high`."""
    from torch import threshold

    # One pass, where a comparison and a choice take eight.
    if low is not None:
        x = threshold(x, _before(low, dtype_of(x)), below)
    if high is not None:
        x = -threshold(-x, _before(-high, dtype_of(x)), -above)
    return x


@functools.cache
def _before(number, name):
    """The largest number of the dtype below this one."""
    number = numpy_dtype(name).type(number)
    return float(np.nextafter(number, number.dtype.type(-np.inf)))
