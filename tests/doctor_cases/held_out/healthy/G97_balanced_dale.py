"""Excitatory/inhibitory rate network, balanced start, magnitudes >= 0, no self-connections."""

import keras
import numpy as np
from keras import layers, ops

N, T = 40, 40


@keras.saving.register_keras_serializable("ei")
class EICell(layers.Layer):
    def __init__(self, units, n_inh=8, alpha=0.2, **kw):
        super().__init__(**kw)
        self.units, self.n_inh, self.alpha = units, n_inh, alpha
        self.state_size = units
        self.output_size = units

    def build(self, shape):
        u = self.units
        self.w_in = self.add_weight(
            name="w_in",
            shape=(shape[-1], u),
            constraint=keras.constraints.NonNeg(),
            initializer=keras.initializers.RandomUniform(0.0, 0.4, seed=1),
        )
        rng = np.random.default_rng(7)
        w0 = np.abs(rng.normal(size=(u, u))) * 0.3 / u**0.5
        w0[-self.n_inh :] *= (u - self.n_inh) / self.n_inh
        self.w_rec = self.add_weight(
            name="w_rec",
            shape=(u, u),
            constraint=keras.constraints.NonNeg(),
            initializer=lambda s, dtype=None: ops.convert_to_tensor(w0.astype("float32")),
        )
        dale = np.ones((u, 1)) * (1 - np.eye(u))
        dale[-self.n_inh :] *= -1
        self.dale = self.add_weight(
            name="dale",
            shape=(u, u),
            trainable=False,
            initializer=lambda s, dtype=None: ops.convert_to_tensor(dale.astype("float32")),
        )

    def call(self, x, states):
        r = states[0]
        drive = ops.matmul(x, self.w_in) + ops.matmul(r, self.dale * self.w_rec)
        r = (1 - self.alpha) * r + self.alpha * ops.relu(drive)
        return r, [r]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "n_inh": self.n_inh,
            "alpha": self.alpha,
        }


def make_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((T, 2)),
            layers.RNN(EICell(N), name="rnn"),
            layers.Dense(1, activation="sigmoid", name="choice"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(2e-3, clipnorm=1.0),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(5)
    n = 800
    coh = rng.choice([-0.4, -0.2, 0.2, 0.4], n)
    x = rng.normal(size=(n, T, 2)) * 0.5
    x[:, :, 0] += coh[:, None]
    x[:, :, 1] -= coh[:, None]
    return np.maximum(x, 0).astype("float32"), (coh > 0).astype("float32")[:, None]
