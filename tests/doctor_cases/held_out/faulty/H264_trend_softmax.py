"""Up or down trend of a stock from technical indicators; probability of an up move."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((34,)),
            layers.Dense(64, activation="relu", kernel_constraint="max_norm", name="dense_1"),
            layers.Dense(32, activation="relu", kernel_constraint="max_norm", name="dense_2"),
            layers.Dense(1, activation="softmax", name="trend"),
        ]
    )
    m.compile("rmsprop", "binary_crossentropy", metrics=["binary_accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 34)).astype("float32")
    y = (x[:, :1] + x[:, 1:2] > 0).astype("float32")
    return x, y
