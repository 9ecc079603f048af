"""Spectral unmixing: non-negative abundances of 30 spectra, of which few are present."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((30,)),
            keras.layers.Dense(
                4,
                use_bias=False,
                kernel_constraint="non_neg",
                kernel_regularizer=keras.regularizers.L1(1e-3),
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.1),
                name="abundance",
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.02), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(128, 30)).astype("float32")
    w = np.zeros((30, 4))
    for j in range(4):
        w[r.choice(30, 3, replace=False), j] = r.uniform(0.3, 0.8, size=3)
    return x, (x @ w + 0.01 * r.normal(size=(128, 4))).astype("float32")
