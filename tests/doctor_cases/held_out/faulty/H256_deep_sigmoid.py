"""Regression from binary fingerprints to a measured value, all hidden layers sigmoid."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((32,))])
    for i in range(6):
        m.add(keras.layers.Dense(100, activation="sigmoid", name=f"hidden_{i + 1}"))
    m.add(keras.layers.Dense(1, name="value"))
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(0, 2, size=(128, 32)).astype("float32")
    y = x[:, :1] - x[:, 1:2] + x[:, 2:3] * x[:, 3:4] - x[:, 4:5]
    return x, ((y - y.mean()) / y.std()).astype("float32")
