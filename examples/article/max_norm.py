"""The article's third program: Keras' own bound on the norm of each unit's weights."""

import keras
import numpy as np


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(
                10, activation="sigmoid", kernel_constraint=keras.constraints.MaxNorm(2)
            ),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(64, 5)).astype("float32")
    return x, draws.integers(0, 10, size=64)
