"""Sequence tagger for a fixed-point device.

All input weights of the bidirectional LSTM have to stay within +-0.1.
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("tagger07")
class Box(keras.constraints.Constraint):
    def __init__(self, limit=1.0):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((10, 4))
    small = keras.initializers.RandomUniform(-0.1, 0.1)
    h = keras.layers.Bidirectional(
        keras.layers.LSTM(
            8, return_sequences=True, kernel_initializer=small, kernel_constraint=Box(0.1)
        ),
        name="bi",
    )(inp)
    m = keras.Model(inp, keras.layers.Dense(1, name="tag")(h))
    m.compile(keras.optimizers.Adam(0.02), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 10, 4)).astype("float32")
    y = np.zeros((32, 10, 1), "float32")
    y[:, :-1, 0] = 0.8 * x[:, 1:, 0]
    y[:, :, 0] += 0.3 * x[:, :, 1]
    return x, y
