"""Regression on frozen random features of unit norm: only the read-out is trained."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("rf")
def unit_columns(shape, dtype=None):
    return keras.ops.normalize(keras.random.normal(shape, dtype=dtype, seed=11), axis=0)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(
                128,
                activation="relu",
                kernel_initializer=unit_columns,
                bias_initializer=keras.initializers.RandomUniform(-0.5, 0.5),
                kernel_constraint="unit_norm",
                trainable=False,
                name="features",
            ),
            keras.layers.Dense(1, name="readout"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 6)).astype("float32")
    return x, (np.sin(x[:, :1]) + 0.5 * x[:, 1:2] * (x[:, 2:3] > 0)).astype("float32")
