"""Sums over the axes of a unit."""

import math

import keras
from keras import ops

# Rows that one product adds up: enough to be quick, few enough for their rounding.
_ROWS = 512


def axis_sum(x, axis):
    """Sum of `x` over `axis`, kept as axes of size one.

    On a CPU, TensorFlow adds row after row to the sums of the columns: slowly, and with the
    rounding of as many additions. There the sum is a product with ones, block by block.
    """
    if not _by_products(x, axis):
        return ops.sum(x, axis=axis, keepdims=True)
    units = x.shape[-1]
    rows = math.prod(x.shape[:-1])
    x = ops.reshape(x, (rows, units))
    rest = rows % _ROWS
    total = _product(x[rows - rest :]) if rest else 0.0
    if rows > rest:
        blocks = ops.reshape(x[: rows - rest], (-1, _ROWS, units))
        total = total + ops.sum(_product(blocks), axis=0)
    return ops.reshape(total, (1,) * len(axis) + (units,))


def _product(x):
    ones = ops.ones((1,) * (len(x.shape) - 1) + (x.shape[-2],), dtype=x.dtype)
    return ops.matmul(ones, x)


def _by_products(x, axis) -> bool:
    if keras.backend.backend() != "tensorflow" or not axis:
        return False
    rank = len(x.shape)
    if [one % rank for one in axis] != list(range(rank - 1)):
        return False
    import tensorflow as tf

    # A GPU or a TPU may multiply in fewer digits than it adds.
    return all(device.device_type == "CPU" for device in tf.config.list_logical_devices())
