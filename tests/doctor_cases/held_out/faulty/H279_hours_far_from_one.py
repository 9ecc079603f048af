"""Time to the next failure (hours) of machines as a discrete Weibull distribution (WTTE)."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b24")
class WeibullOutput(keras.layers.Layer):
    def __init__(self, init_alpha=1.0, max_beta=10.0, **kwargs):
        super().__init__(**kwargs)
        self.init_alpha = init_alpha
        self.max_beta = max_beta

    def call(self, x):
        a = self.init_alpha * ops.exp(x[..., :1])
        b = self.max_beta * ops.sigmoid(x[..., 1:] - np.log(self.max_beta - 1.0))
        return ops.concatenate([a, b], axis=-1)

    def get_config(self):
        return {**super().get_config(), "init_alpha": self.init_alpha, "max_beta": self.max_beta}


@keras.saving.register_keras_serializable("b24")
def weibull_discrete(y_true, ab):
    y, u = y_true[..., :1], y_true[..., 1:]
    a, b = ab[..., :1], ab[..., 1:]
    hazard0 = ops.power((y + 1e-35) / a, b)
    hazard1 = ops.power((y + 1.0) / a, b)
    return -ops.mean(u * ops.log(ops.exp(hazard1 - hazard0) - 1.0) - hazard1, axis=-1)


def make_model():
    keras.utils.set_random_seed(24)
    m = keras.Sequential(
        [
            keras.Input((15, 4)),
            keras.layers.GRU(
                8,
                activation="tanh",
                recurrent_constraint=keras.constraints.MaxNorm(2.0),
                name="history",
            ),
            keras.layers.Dense(2, name="params"),
            WeibullOutput(name="weibull"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), weibull_discrete)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 15, 4)).astype("float32")
    scale = 3600.0 * np.exp(0.5 * x[:, -5:, 0].mean(1))
    t = np.floor(scale * r.weibull(1.5, size=64))
    u = (t < 6000).astype("float32")
    return x, np.stack([np.minimum(t, 6000), u], -1).astype("float32")
