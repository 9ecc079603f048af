"""Fertiliser yield curve. Yield may never fall when nitrogen or water rises."""

import keras
import numpy as np
from keras import layers
from keras.constraints import NonNeg


def block(units):
    return layers.Dense(
        units,
        activation="relu",
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.3),
        bias_initializer=keras.initializers.RandomUniform(-0.5, 0.5),
        kernel_constraint=NonNeg(),
    )


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            block(32),
            block(32),
            layers.Dense(
                1,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.1),
                kernel_constraint=NonNeg(),
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 4, size=(n, 2))
    n_, w_ = x[:, 0], x[:, 1]
    y = 3 * (1 - np.exp(-2.0 * n_)) + 2 * w_**2 / (1 + w_**2)
    y = y + 0.05 * rng.normal(size=n)
    return (x - 2).astype("float32"), (y - y.mean()).astype("float32")[:, None]
