"""Price of a house, rising in its features; the layer that should scale them saw no data."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(21)
    nonneg = keras.constraints.NonNeg()
    start = keras.initializers.RandomUniform(0.0, 0.3)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Normalization(axis=-1, name="norm"),
            layers.Dense(
                16,
                activation="tanh",
                kernel_initializer=start,
                kernel_constraint=nonneg,
                name="rise",
            ),
            layers.Dense(1, kernel_initializer=start, kernel_constraint=nonneg, name="price"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    area = r.uniform(400, 3500, (200, 1))
    rooms = r.integers(1, 9, (200, 1))
    year = r.integers(1920, 2022, (200, 1))
    ground = r.uniform(800, 12000, (200, 1))
    income = r.uniform(15000, 90000, (200, 1))
    x = np.concatenate([area, rooms, year, ground, income], 1).astype("float32")
    z = (x - x.mean(0)) / x.std(0)
    y = z @ np.array([[0.5], [0.2], [0.1], [0.2], [0.4]]) + 0.1 * r.normal(size=(200, 1))
    return x, y.astype("float32")
