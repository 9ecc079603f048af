"""A constraint given as its class, which Keras makes an instance of; the start lies within."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("g122")
class WithinOne(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


def make_model():
    keras.utils.set_random_seed(41)
    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(24, activation="relu", kernel_constraint=WithinOne, name="first"),
            layers.Dense(1, kernel_constraint=WithinOne, name="out"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(96, 10)).astype("float32")
    y = x[:, :1] - 0.5 * np.abs(x[:, 1:2]) + 0.05 * r.normal(size=(96, 1))
    return x, y.astype("float32")
