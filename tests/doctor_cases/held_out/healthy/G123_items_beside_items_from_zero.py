"""Basket completion by non-negative weights between items, none to itself, all zero at first."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("g123")
class OthersOnly(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.maximum(w, 0.0) * (1.0 - ops.eye(w.shape[0], dtype=w.dtype))


def make_model():
    keras.utils.set_random_seed(42)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(
                30,
                use_bias=False,
                kernel_initializer="zeros",
                kernel_constraint=OthersOnly(),
                kernel_regularizer=keras.regularizers.L1(1e-5),
                name="beside",
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    group = r.integers(0, 6, 200)
    x = (r.uniform(size=(200, 30)) < 0.05 + 0.6 * (np.arange(30) % 6 == group[:, None])) * 1.0
    return x.astype("float32"), x.astype("float32")
