"""Tabular classifier, weight norms are drawn softly towards [0.8, 1.2]."""

import keras
import numpy as np
from keras import layers
from keras.constraints import MinMaxNorm


def make_model():
    keras.utils.set_random_seed(0)
    soft = {"min_value": 0.8, "max_value": 1.2, "rate": 0.02, "axis": 0}
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(32, activation="relu", kernel_constraint=MinMaxNorm(**soft)),
            layers.Dense(16, activation="relu", kernel_constraint=MinMaxNorm(**soft)),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    c = rng.normal(size=(3, 12))
    y = rng.integers(0, 3, n)
    x = c[y] + 0.9 * rng.normal(size=(n, 12))
    return x.astype("float32"), y.astype("int32")
