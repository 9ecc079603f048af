"""A rising score from ten measurements: three count, two would lower it and end at zero weight."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(45)
    start = keras.initializers.RandomUniform(0.0, 0.4)
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(
                12,
                activation="tanh",
                kernel_initializer=start,
                kernel_constraint="non_neg",
                name="lift",
            ),
            layers.Dense(1, kernel_initializer=start, kernel_constraint="non_neg", name="score"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.03), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(200, 10)).astype("float32")
    y = x[:, :1] + 0.6 * x[:, 1:2] + 0.4 * x[:, 2:3] - 0.15 * x[:, 3:4] - 0.1 * x[:, 4:5]
    return x, (y + 0.1 * r.normal(size=(200, 1))).astype("float32")
