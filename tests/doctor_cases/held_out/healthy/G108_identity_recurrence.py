"""An accumulator: relu state, identity recurrent start, non-negative recurrent weights."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((50, 2)),
            keras.layers.SimpleRNN(
                32,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.05),
                recurrent_initializer=keras.initializers.Identity(gain=0.95),
                recurrent_constraint="non_neg",
                name="accumulate",
            ),
            keras.layers.Dense(1, name="readout"),
        ]
    )
    m.compile(keras.optimizers.Adam(3e-4, clipnorm=1.0), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(32, 50, 2)).astype("float32")
    y = x[:, :, 0].mean(axis=1, keepdims=True).astype("float32")
    return x, y
