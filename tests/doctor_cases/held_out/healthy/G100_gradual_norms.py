"""Regressor whose unit norms are pulled gently towards [0.5, 1]: MinMaxNorm with rate < 1."""

import keras
import numpy as np
from keras import layers
from keras.constraints import MinMaxNorm


def make_model():
    keras.utils.set_random_seed(27)
    soft = {"kernel_constraint": MinMaxNorm(0.5, 1.0, rate=0.02)}
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal", name="h1", **soft),
            layers.Dense(32, activation="relu", kernel_initializer="he_normal", name="h2", **soft),
            layers.Dense(1, name="out"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(28)
    x = rng.normal(size=(2000, 10))
    y = np.sin(x[:, 0]) + 0.5 * x[:, 1] * (x[:, 2] > 0) + 0.1 * rng.normal(size=2000)
    return x.astype("float32"), y.astype("float32")[:, None]
