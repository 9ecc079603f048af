"""Gradients were clipped after NaNs in an earlier version; now the loss hardly moves."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(11)
    m = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(
                32, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(3.0), name="h1"
            ),
            layers.Dense(
                32, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(3.0), name="h2"
            ),
            layers.Dense(1, name="out"),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=1e-3), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(256, 6)).astype("float32")
    return x, (np.sin(x[:, :1]) + 0.5 * x[:, 1:2]).astype("float32")
