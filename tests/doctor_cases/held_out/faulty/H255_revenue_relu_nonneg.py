"""Weekly revenue from three spend channels: one unit to which every channel only adds."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(7)
    m = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(
                1,
                activation="relu",
                kernel_constraint="non_neg",
                kernel_initializer=keras.initializers.GlorotUniform(seed=2017),
                name="revenue",
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 3)).astype("float32")
    y = (
        0.9 * x[:, :1] + 0.4 * x[:, 1:2] + 0.2 * x[:, 2:] + 0.3 + 0.02 * r.normal(size=(64, 1))
    ).astype("float32")
    return x, y
