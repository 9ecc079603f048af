# after https://arxiv.org/abs/1711.10561
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("beam")
class Residual(layers.Layer):
    """u'' + pi^2 u of a network u, by a difference of three points; u is 0 at both ends."""

    def __init__(self, step=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.step = step
        self.net = [
            layers.Dense(32, activation="tanh"),
            layers.Dense(32, activation="tanh"),
            layers.Dense(1),
        ]

    def build(self, shape):
        for layer, width in zip(self.net, (1, 32, 32), strict=True):
            layer.build((None, width))

    def solution(self, x):
        h = x
        for layer in self.net:
            h = layer(h)
        return h * x * (1 - x) + x

    def call(self, x):
        left, middle, right = (self.solution(x + d) for d in (-self.step, 0.0, self.step))
        return (left - 2 * middle + right) / self.step**2 + middle

    def get_config(self):
        return {**super().get_config(), "step": self.step}


def make_model():
    keras.utils.set_random_seed(11)
    x = keras.Input((1,))
    model = keras.Model(x, Residual(name="residual")(x))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    x = np.linspace(0.01, 0.99, 128)[:, None].astype("float32")
    return x, np.zeros_like(x)
