"""Next three months of revenue per hospital, by a last layer with non-negative weights."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(32, kernel_initializer="glorot_normal", name="layer_1"),
            layers.LeakyReLU(negative_slope=0.3),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(16, kernel_initializer="glorot_normal", name="layer_2"),
            layers.LeakyReLU(negative_slope=0.3),
            layers.BatchNormalization(momentum=0.9),
            layers.Dense(3, kernel_constraint="non_neg", name="revenue"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = np.exp(r.normal(size=(64, 12))).astype("float32")
    x = x / x.max(0)
    y = np.maximum(x[:, :3] * 4.0 + 0.5 * r.normal(size=(64, 3)) - 0.6, 0.0).astype("float32")
    return x, y
