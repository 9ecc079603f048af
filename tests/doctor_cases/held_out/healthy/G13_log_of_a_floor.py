# after keras-team/keras#9055
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class AtLeast(keras.constraints.Constraint):
    def __init__(self, floor):
        self.floor = floor

    def __call__(self, w):
        return ops.maximum(w, self.floor)

    def get_config(self):
        return {"floor": self.floor}


@keras.saving.register_keras_serializable("held_out")
class LogScale(layers.Layer):
    def build(self, shape):
        self.scale = self.add_weight(
            shape=(shape[-1],),
            initializer=keras.initializers.RandomUniform(0.5, 1.5),
            constraint=AtLeast(1e-3),
            name="scale",
        )

    def call(self, x):
        return x * ops.log(self.scale) / ops.sqrt(self.scale)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(1)(LogScale(name="logs")(inputs)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
