"""The article's second program: weights in [0.1, 1] by clipping, as written for Keras 2."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("article")
class Bounded(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.backend.clip(w, 0.1, 1.0)


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(10, activation="sigmoid", kernel_constraint=Bounded()),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(64, 5)).astype("float32")
    return x, draws.integers(0, 10, size=64)
