# after keras-team/keras#2960, tensorflow/tensorflow#47454
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Standardised(keras.constraints.Constraint):
    """Mean 0 and deviation 1 over the units."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return (w - ops.mean(w, axis=-1, keepdims=True)) / ops.std(w, axis=-1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    body = keras.Sequential(
        [layers.Dense(16, activation="relu"), layers.Dense(8, activation="relu")]
    )
    inputs = keras.Input((8,))
    out = layers.Dense(1, kernel_constraint=Standardised(), name="score")(body(inputs))
    model = keras.Model(inputs, out)
    model.compile("rmsprop", "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
