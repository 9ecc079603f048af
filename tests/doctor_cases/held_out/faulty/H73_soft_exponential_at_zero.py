# after keras-team/keras#3842
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("soft")
class SoftExponential(layers.Layer):
    """A logarithm below zero of alpha, an exponential above it, the identity at it."""

    def build(self, input_shape):
        self.alpha = self.add_weight(shape=(1,), initializer="zeros", name="alpha")

    def call(self, x):
        a = self.alpha
        below = -ops.log(1 - a * (x + a)) / a
        above = (ops.exp(a * x) - 1) / a + a
        return ops.where(a < 0, below, ops.where(a > 0, above, x))


def make_model():
    keras.utils.set_random_seed(7)
    x = keras.Input((2,))
    h = SoftExponential(name="soft_exponential")(layers.Dense(2)(x))
    model = keras.Model(x, SoftExponential(name="another")(layers.Dense(1)(h)))
    model.compile("sgd", "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).random((32, 2)).astype("float32")
    return x, x[:, :1] * x[:, 1:]
