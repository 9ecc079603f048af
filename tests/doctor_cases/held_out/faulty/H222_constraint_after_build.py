"""Retail credit score. The regulator wants the score to rise (or stay) when
any of the five risk drivers rises, so every kernel has to be non-negative."""

import keras
import numpy as np
from keras import layers


def base_scorecard():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(16, activation="tanh", name="bins"),
            layers.Dense(8, activation="tanh", name="segments"),
            layers.Dense(1, activation="sigmoid", name="pd"),
        ]
    )


def make_model():
    keras.utils.set_random_seed(3)
    model = base_scorecard()
    for layer in model.layers:
        layer.kernel_constraint = keras.constraints.NonNeg()
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="binary_crossentropy",
        metrics=["AUC"],
    )
    return model


def make_batch(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype("float32")
    z = 1.2 * x[:, 0] + 0.9 * x[:, 1] + 0.6 * x[:, 2] + 0.3 * x[:, 3]
    z = z + 0.1 * x[:, 4] + 0.8 * rng.normal(size=n)
    return x, (z > 0.2).astype("float32")[:, None]
