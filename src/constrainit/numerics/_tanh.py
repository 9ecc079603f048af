"""The hyperbolic tangent and the sine in the dtype of their argument."""

import keras
from keras import ops


def tanh(x):
    """Hyperbolic tangent; `ops.tanh` takes float64 down to float32 on JAX (Keras 3.15.1)."""
    if keras.backend.backend() != "jax":
        return ops.tanh(x)
    import jax

    return jax.numpy.tanh(x)


def sin(x):
    """Sine; as for `tanh`."""
    if keras.backend.backend() != "jax":
        return ops.sin(x)
    import jax

    return jax.numpy.sin(x)
