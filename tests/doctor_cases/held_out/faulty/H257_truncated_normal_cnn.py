"""Small two-class image CNN, after a script that drew every weight by truncated_normal."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)

    def init():
        return keras.initializers.TruncatedNormal(stddev=1.0)

    m = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(16, 3, activation="relu", kernel_initializer=init(), name="conv1"),
            keras.layers.Conv2D(32, 3, activation="relu", kernel_initializer=init(), name="conv2"),
            keras.layers.Flatten(),
            keras.layers.Dense(
                64,
                activation="relu",
                kernel_initializer=init(),
                kernel_constraint=keras.constraints.MaxNorm(50.0),
                name="fc1",
            ),
            keras.layers.Dense(1, activation="sigmoid", kernel_initializer=init(), name="out"),
        ]
    )
    m.compile(keras.optimizers.Adam(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.uniform(0, 1, size=(64, 12, 12, 1)).astype("float32")
    x[:, 3:6, 3:6] += y[:, :, None, None]
    return x, y
