# after keras-team/keras#9454
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Symmetric(keras.constraints.Constraint):
    def __call__(self, w):
        upper = ops.triu(w)
        return ops.concatenate([upper, ops.transpose(ops.triu(w, 1))], axis=-1)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(8, activation="tanh", kernel_constraint=Symmetric(), name="reciprocal"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
