"""Wind farm output with its uncertainty; gated residual blocks."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("wind")
class GatedBlock(layers.Layer):
    def __init__(self, units=32, **kw):
        super().__init__(**kw)
        self.units = units
        self.up = layers.Dense(units, activation="relu", name="up")
        self.down = layers.Dense(units, name="down")

    def build(self, input_shape):
        self.up.build(input_shape)
        self.down.build((input_shape[0], self.units))
        self.alpha = self.add_weight(name="alpha", shape=(), initializer="zeros")

    def call(self, x):
        return x + self.alpha * self.down(self.up(x))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("wind")
def gaussian_nll(y_true, y_pred):
    mu, rho = y_pred[:, :1], y_pred[:, 1:]
    sigma = ops.softplus(rho) + 1e-3
    return ops.mean(ops.log(sigma) + 0.5 * ops.square((y_true - mu) / sigma), axis=-1)


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((3,))
    h = layers.Dense(32)(inp)
    for i in range(3):
        h = GatedBlock(32, name=f"block{i}")(h)
    out = layers.Dense(2, name="mu_rho")(h)
    model = keras.Model(inp, out)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=gaussian_nll)
    return model


def make_batch(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 3))
    mu = np.tanh(3 * x[:, 0]) + 0.5 * x[:, 1] ** 2
    y = mu + (0.05 + 0.05 * (x[:, 2] > 0)) * rng.normal(size=n)
    return x.astype("float32"), y.astype("float32")[:, None]
