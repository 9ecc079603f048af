"""Box-constrained convolution; the constraint counts its runs in Python, for a log line only."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("c53")
class Box(keras.constraints.Constraint):
    def __init__(self, low=-0.4, high=0.4):
        self.low = low
        self.high = high
        self.calls = 0

    def __call__(self, w):
        self.calls += 1
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def make_model():
    keras.utils.set_random_seed(53)
    box = Box()
    init = keras.initializers.RandomUniform(-0.3, 0.3)
    m = keras.Sequential(
        [
            keras.Input((24, 3)),
            keras.layers.Conv1D(
                8,
                5,
                activation="relu",
                kernel_initializer=init,
                kernel_constraint=box,
                bias_constraint=box,
            ),
            keras.layers.Conv1D(
                8,
                5,
                activation="relu",
                kernel_initializer=init,
                kernel_constraint=box,
                bias_constraint=box,
            ),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 24, 3)).astype("float32")
    return x, x[..., 0].max(1, keepdims=True)
