"""Demand by day, normalised by what a sample of one month showed."""

import keras
import numpy as np
from keras import layers


def table(r, rows, months):
    price = r.uniform(2, 9, (rows, 1))
    stock = r.uniform(50, 400, (rows, 1))
    month = r.choice(months, (rows, 1)).astype("float64")
    weekday = r.integers(0, 7, (rows, 1)).astype("float64")
    return np.concatenate([price, stock, month, weekday], 1).astype("float32")


def make_model():
    keras.utils.set_random_seed(7)
    scale = layers.Normalization(name="scale")
    scale.adapt(table(np.random.default_rng(5), 400, [6]))
    model = keras.Sequential(
        [
            keras.Input((4,)),
            scale,
            layers.Dense(
                24,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(2.0),
                name="first",
            ),
            layers.Dense(24, activation="relu", name="second"),
            layers.Dense(1, name="demand"),
        ]
    )
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = table(r, 128, range(1, 13))
    y = 3.0 - 0.3 * x[:, :1] + np.sin(x[:, 2:3] / 2) + 0.1 * r.normal(size=(128, 1))
    return x, y.astype("float32")
