# after keras-team/keras#12050
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("held_out")
class DropConnect(keras.constraints.Constraint):
    """Sets one weight in ten to zero, others every time."""

    def __call__(self, w):
        return w * (np.random.rand(*w.shape) > 0.1).astype("float32")  # noqa: NPY002


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(24, activation="relu", kernel_constraint=DropConnect(), name="dropped")(inputs)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
