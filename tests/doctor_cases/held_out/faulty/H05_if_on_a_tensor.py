# after keras-team/keras#9454, tensorflow/tensorflow#42505
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class KeepBelow(keras.constraints.Constraint):
    """Scales the whole matrix back when its largest entry is beyond the limit."""

    def __init__(self, limit=1.0):
        self.limit = limit

    def __call__(self, w):
        largest = ops.max(ops.abs(w))
        if largest > self.limit:
            return w * (self.limit / largest)
        return w

    def get_config(self):
        return {"limit": self.limit}


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(20, activation="swish", kernel_constraint=KeepBelow(2.0), name="wide")(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="value")(h))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
