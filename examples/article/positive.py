"""The article's first program: positive weights by the absolute value, as written for Keras 2."""

import keras
import numpy as np


@keras.saving.register_keras_serializable("article")
class Positive(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.backend.abs(w)


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(10, activation="sigmoid", kernel_constraint=Positive()),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch():
    draws = np.random.default_rng(0)
    x = draws.normal(size=(64, 5)).astype("float32")
    return x, draws.integers(0, 10, size=64)
