# after keras-team/keras#844, keras-team/keras#2218
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class WholeNumbers(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.cast(w, "int32")


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(12, activation="relu", kernel_constraint=WholeNumbers(), name="counts")(inputs)
    h = layers.Dense(6, activation="relu")(h)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
