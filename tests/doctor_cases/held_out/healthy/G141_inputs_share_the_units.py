"""Each input is shared out among the units: a simplex along them, from a start inside."""

import keras
import numpy as np
from keras import layers

import constrainit as ci


def make_model():
    keras.utils.set_random_seed(9)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(12, name="shared", **ci.constrained(kernel=ci.Simplex(axis=1))),
            layers.Dense(8, activation="tanh", name="hidden"),
            layers.Dense(1, name="score"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 6)).astype("float32")
    return x, np.tanh(x[:, :1] - 0.5 * x[:, 1:2]).astype("float32")
