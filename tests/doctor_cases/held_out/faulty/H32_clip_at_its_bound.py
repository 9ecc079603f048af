# after keras-team/keras#2218, keras-team/keras#11304
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Gates(layers.Layer):
    """Switches features on and off: clip keeps the gates in [0, 1]."""

    def build(self, shape):
        self.raw = self.add_weight(
            shape=(shape[-1],), initializer=keras.initializers.RandomUniform(1.2, 2.0), name="raw"
        )

    def call(self, x):
        return x * ops.clip(self.raw, 0.0, 1.0)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(8, activation="relu")(Gates(name="gates")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
