"""Numbers taken to a bound, in the dtype that they have, in the way that suits each backend.

`ops.maximum` and `ops.minimum` take float64 down to float32 on PyTorch (Keras 3.15.1), and with a
bound of 0 some backends return 0.0 for -0.0, or 0.0 for a NaN. `ops.where` does none of that; it
costs nothing where the backend fuses it and several passes over memory where it does not.
"""

import functools

import keras
import ml_dtypes
import numpy as np
from keras import ops

from constrainit._precision import dtype_of


def at_least(x, bound):
    """`x`, or `bound` where `x` is below it."""
    if keras.backend.backend() == "torch":
        return x.clamp(min=bound)
    # Not `ops.cast`: on TensorFlow it makes a float32 of a Python number first.
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x < bound, bound, x)


def at_most(x, bound):
    """`x`, or `bound` where `x` is above it."""
    if keras.backend.backend() == "torch":
        return x.clamp(max=bound)
    bound = ops.convert_to_tensor(bound, dtype=x.dtype)
    return ops.where(x > bound, bound, x)


def between(x, low, high, below, above):
    """`x`, but `below` where it is less than `low`, and `above` where it is more than `high`.

    The four are numbers of the dtype of `x`, or None for no bound. A NaN stays.
    """
    backend = keras.backend.backend()
    if backend == "torch":
        return _between_on_torch(x, low, high, below, above)
    if backend == "tensorflow" and _neighbours(x, low, high, below, above):
        return _between_on_tensorflow(x, low, high, below, above)
    image = x
    if low is not None:
        below = ops.convert_to_tensor(below, dtype=x.dtype)
        image = ops.where(x < ops.convert_to_tensor(low, dtype=x.dtype), below, image)
    if high is not None:
        above = ops.convert_to_tensor(above, dtype=x.dtype)
        image = ops.where(x > ops.convert_to_tensor(high, dtype=x.dtype), above, image)
    return image


def _between_on_tensorflow(x, low, high, below, above):
    import tensorflow as tf

    ends = -np.inf if below is None else below, np.inf if above is None else above
    least, most = (ops.convert_to_tensor(end, dtype=x.dtype) for end in ends)
    image = tf.raw_ops.ClipByValue(t=x, clip_value_min=least, clip_value_max=most)
    # What is a bound only as the dtype rounds it stays. One choice takes less than two.
    rounded = [end for end, inner in ((low, below), (high, above)) if end != inner]
    stays = [ops.equal(x, ops.convert_to_tensor(end, dtype=x.dtype)) for end in rounded]
    return ops.where(functools.reduce(ops.logical_or, stays), x, image) if stays else image


def _between_on_torch(x, low, high, below, above):
    from torch import threshold

    if (low, high) == (below, above):
        return x.clamp(low, high)
    if low is not None and high is not None and _neighbours(x, low, high, below, above):
        image = x.clamp(low, high)
        # One digit further for what was taken to the bound as the dtype rounds it.
        return image.sub_((x - image).clamp_(low - below, high - above))
    # One pass, where a comparison and a choice take eight.
    if low is not None:
        x = threshold(x, _before(low, dtype_of(x)), below)
    if high is not None:
        x = -threshold(-x, _before(-high, dtype_of(x)), -above)
    return x


def _neighbours(x, low, high, below, above):
    """Whether no number of the dtype lies between `low` and `below`, nor `above` and `high`."""
    name = dtype_of(x)
    return (low == below or _before(-low, name) == -below) and (
        high == above or _before(high, name) == above
    )


@functools.cache
def _before(number, name):
    """The largest number of the dtype below this one."""
    number = np.asarray(number, ml_dtypes.bfloat16 if name == "bfloat16" else name)
    return float(np.nextafter(number, number.dtype.type(-np.inf)))
