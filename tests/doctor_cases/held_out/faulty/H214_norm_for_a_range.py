"""Gain trimming of a 16-channel ADC: each channel's gain may move between 0.95 and 1.05."""

import keras
import numpy as np
from keras import constraints, layers


@keras.saving.register_keras_serializable("adc")
class Trim(layers.Layer):
    def build(self, shape):
        self.gain = self.add_weight(
            name="gain",
            shape=(shape[-1],),
            initializer="ones",
            constraint=constraints.MinMaxNorm(min_value=0.95, max_value=1.05),
        )
        self.offset = self.add_weight(name="offset", shape=(shape[-1],), initializer="zeros")

    def call(self, x):
        return x * self.gain + self.offset


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((16,)), Trim(name="trim")])
    model.compile(optimizer=keras.optimizers.Adam(2e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2000, 16)).astype("float32")
    g = rng.uniform(0.96, 1.04, 16)
    y = x * g + 0.1 + 0.01 * rng.normal(size=x.shape)
    return x, y.astype("float32")
