"""The textbook recipe: dropout, batch normalisation and max-norm 3."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    layers = keras.layers

    def c():
        return keras.constraints.MaxNorm(3.0, axis=0)

    m = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(64, kernel_constraint=c(), use_bias=False, name="d1"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Dense(64, kernel_constraint=c(), use_bias=False, name="d2"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 20)).astype("float32")
    return x, np.argmax(x[:, :3] + 0.3 * x[:, 3:6], axis=1).astype("int32")[:, None]
