"""Two-class CNN on 8-bit images; validated on the training images themselves."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers
    m = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            layers.Conv2D(
                8,
                3,
                name="conv_1",
                kernel_constraint=keras.constraints.MaxNorm(3.0, axis=[0, 1, 2]),
            ),
            layers.BatchNormalization(name="bn_1"),
            layers.ReLU(),
            layers.Conv2D(
                16,
                3,
                name="conv_2",
                kernel_constraint=keras.constraints.MaxNorm(3.0, axis=[0, 1, 2]),
            ),
            layers.BatchNormalization(name="bn_2"),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.001), "binary_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.integers(60, 196, size=(64, 12, 12, 3)).astype("float32")
    x[:, 4:8, 4:8] += 50 * y[:, :, None, None]
    return x, y
