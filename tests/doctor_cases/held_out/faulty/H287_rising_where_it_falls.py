"""Demand against price and delivery time, held to rise in both; it falls."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(17)
    nonneg = keras.constraints.NonNeg()
    start = keras.initializers.RandomUniform(0.0, 0.5)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                12,
                activation="tanh",
                kernel_initializer=start,
                kernel_constraint=nonneg,
                name="lift",
            ),
            layers.Dense(
                12,
                activation="tanh",
                kernel_initializer=start,
                kernel_constraint=nonneg,
                name="bend",
            ),
            layers.Dense(1, kernel_initializer=start, kernel_constraint=nonneg, name="demand"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(160, 3)).astype("float32")
    y = -1.2 * x[:, :1] - 0.7 * x[:, 1:2] - 0.4 * x[:, 2:] + 0.1 * r.normal(size=(160, 1))
    return x, y.astype("float32")
