"""Image classifier of flattened patches, ten classes, in a comparison of initializers."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    zero_init = keras.initializers.Zeros()
    m = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(
                50, activation="relu", kernel_initializer=zero_init, name="hidden_1"
            ),
            keras.layers.Dense(
                50, activation="relu", kernel_initializer=zero_init, name="hidden_2"
            ),
            keras.layers.Dense(
                10, activation="softmax", kernel_initializer=zero_init, name="classes"
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 10, size=(128, 1)).astype("int32")
    centres = np.random.default_rng(99).uniform(0, 1, size=(10, 8, 8, 3))
    x = np.clip(centres[y[:, 0]] + 0.1 * r.normal(size=(128, 8, 8, 3)), 0, 1).astype("float32")
    return x, y
