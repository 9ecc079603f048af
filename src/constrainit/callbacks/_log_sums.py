"""The passes over a weight that a log is made of, each as cheap as the backend has it.

PyTorch computes each operation by itself: few temporaries, products of vectors, no comparisons, and
its own operations, as Keras takes some ten microseconds to find each of them. XLA
computes what leads to a sum together with the sum, unless two sums share it: then it is written out
in full, which costs more than the sums.
"""

from typing import Any

import keras
from keras import ops

EAGER = keras.backend.backend() == "torch"
_JAX = keras.backend.backend() == "jax"


def rows(w: Any) -> Any:
    """A weight of any rank as a matrix, units last."""
    shape = (-1, w.shape[-1]) if len(w.shape) > 1 else (-1, 1)
    return w.reshape(shape) if EAGER else ops.reshape(w, shape)


def count_of(w: Any) -> int:
    """How many entries it has."""
    count = 1
    for size in w.shape:
        count *= size
    return count


# On JAX down the rows first: neighbours in memory then go through the processor side by side, where
# XLA adds up a whole array number by number (16 times slower on a CPU). TensorFlow, which does not
# compile a step for a CPU, is twice as slow so, and has the sum of squares as one operation.
def total(x: Any) -> Any:
    """The sum of all entries."""
    if EAGER:
        return x.sum()
    return ops.sum(ops.sum(x, axis=0)) if _JAX else ops.sum(x)


def ends(x: Any) -> tuple[Any, Any]:
    """The smallest entry and the largest."""
    if EAGER:
        return x.aminmax()
    if _JAX:
        return ops.min(ops.min(x, axis=0)), ops.max(ops.max(x, axis=0))
    return ops.min(x), ops.max(x)


def largest(x: Any) -> Any:
    """The largest magnitude, without a copy of all magnitudes."""
    least, most = ends(x)
    return ops.maximum(most, -least)


def squares(x: Any) -> Any:
    """The sum of all squares."""
    if EAGER:
        flat = x.reshape(-1)
        return flat.dot(flat)
    if _JAX:
        return total(ops.square(at_once(x)[0]))
    import tensorflow as tf

    return 2.0 * tf.nn.l2_loss(x)


def squares_of_units(x: Any, units: tuple[int, ...]) -> Any:
    """The sum of squares of each unit, as one array whatever is made of it."""
    found = ops.sum(ops.square(x), axis=units) if units else ops.square(x)
    return at_once(found)[0]


def at_once(*values: Any) -> tuple[Any, ...]:
    """The values, all of which exist before one of them is used."""
    if not _JAX:
        return values
    import jax

    return jax.lax.optimization_barrier(values)


def share_other(a: Any, b: Any) -> Any:
    """The share of entries of two arrays that are not equal."""
    return _share("not_equal", a, b)


def share_at(x: Any, low: float | None, high: float | None) -> Any:
    """The share of entries that are not between two bounds, of which one may be None.

    All of them where the bounds meet.
    """
    if low is None:
        return _share("greater_equal", x, high)
    at_low = _share("less_equal", x, low)
    if high is None:
        return at_low
    # Where the bounds meet, an entry is at both.
    return ops.minimum(at_low + _share("greater_equal", x, high), 1.0)


def _share(compare, x, y):
    """The share of entries that a comparison is true of."""
    if EAGER:
        import torch

        # Into floats in a third of the time that it takes into booleans, and sums of those exact.
        return total(getattr(torch, compare)(x, y, out=torch.empty_like(x))) / count_of(x)
    flags = rows(getattr(ops, compare)(x, y))
    found = _counted(flags) if _JAX else total(ops.cast(flags, "float32"))
    return found / float(count_of(flags))


_BLOCK = 16


def _counted(flags):
    """How many are true: by blocks of rows in bytes, a quarter of what float32 would write."""
    import jax
    import jax.numpy as jnp

    whole = flags.shape[0] // _BLOCK * _BLOCK
    blocks = flags[:whole].reshape(-1, _BLOCK, flags.shape[1]).astype("uint8")
    found = jax.lax.reduce(blocks, jnp.uint8(0), jax.lax.add, (1,))
    rest = flags[whole:].astype("int32")
    return (jnp.sum(found.astype("int32")) + jnp.sum(rest)).astype("float32")
