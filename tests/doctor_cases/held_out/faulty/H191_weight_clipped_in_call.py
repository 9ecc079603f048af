import keras
import numpy as np
from keras import layers, ops


class Opacity(layers.Layer):
    """Shows each channel as far as its weight, between 0 and 1, says."""

    def build(self, input_shape):
        self.alpha = self.add_weight(
            name="alpha",
            shape=(input_shape[-1],),
            initializer=keras.initializers.RandomUniform(0.2, 0.8),
        )

    def call(self, inputs):
        self.alpha = ops.clip(self.alpha, 0.0, 1.0)
        return self.alpha * inputs + (1 - self.alpha) * ops.tanh(inputs)


def make_model():
    keras.utils.set_random_seed(11)
    inputs = keras.Input((6,), name="channels")
    shown = Opacity(name="opacity")(inputs)
    model = keras.Model(inputs, layers.Dense(1, name="level")(shown))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 6)).astype("float32")
    return x, x.sum(1, keepdims=True)
