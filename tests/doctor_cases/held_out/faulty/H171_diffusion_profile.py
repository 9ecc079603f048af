# after https://github.com/SciML/NeuralPDE.jl/issues/931
import keras
import numpy as np
from keras import ops


class Profile(keras.Model):
    """x -> [u(x), D*u''(x)]"""

    def __init__(self, h=1e-4, **kwargs):
        super().__init__(**kwargs)
        self.h = h
        self.net = keras.Sequential(
            [
                keras.layers.Dense(32, activation="tanh", name="fc_1"),
                keras.layers.Dense(32, activation="tanh", name="fc_2"),
                keras.layers.Dense(1, name="u"),
            ],
            name="field",
        )

    def build(self, input_shape):
        self.diffusivity = self.add_weight(
            shape=(), name="diffusivity", initializer="ones", constraint=keras.constraints.NonNeg()
        )
        self.net.build(input_shape)

    def call(self, x):
        u = self.net(x)
        second = (self.net(x + self.h) - 2.0 * u + self.net(x - self.h)) / self.h**2
        return ops.concatenate([u, self.diffusivity * second], axis=-1)


def make_model():
    keras.utils.set_random_seed(13)
    model = Profile(name="profile")
    model.build((None, 1))
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(800, 1))
    u = np.sin(2.0 * x) + 0.3 * x
    source = 0.5 * 4.0 * np.sin(2.0 * x)
    return x.astype("float32"), np.concatenate(
        [u + 0.002 * r.normal(size=x.shape), -source], axis=1
    ).astype("float32")
