"""Classifier kept entirely in half precision for an edge device."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(26)
    m = keras.Sequential(
        [
            keras.Input((16,), dtype="float16"),
            keras.layers.Dense(
                32,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(3.0),
                dtype="float16",
                name="h1",
            ),
            keras.layers.Dense(32, activation="relu", dtype="float16", name="h2"),
            keras.layers.Dense(1, dtype="float16", name="score"),
        ]
    )
    m.compile("adam", "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 16)).astype("float16")
    y = (0.1 * np.tanh(x[:, :1].astype("float32") - x[:, 1:2])).astype("float16")
    return x, y
