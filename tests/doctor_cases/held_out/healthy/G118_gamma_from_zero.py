"""Residual network whose branches start switched off: gamma 0, kept non-negative."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(51)
    inp = keras.Input((10,))
    x = keras.layers.Dense(16, activation="relu")(inp)
    for i in range(3):
        h = keras.layers.Dense(16, activation="relu", name=f"branch{i}")(x)
        h = keras.layers.BatchNormalization(
            momentum=0.8, gamma_initializer="zeros", gamma_constraint="non_neg", name=f"bn{i}"
        )(h)
        x = keras.layers.Add()([x, h])
    m = keras.Model(inp, keras.layers.Dense(1)(x))
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 10)).astype("float32")
    y = (np.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]).astype("float32")
    return x, y
