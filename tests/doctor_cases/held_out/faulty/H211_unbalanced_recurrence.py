# after https://github.com/rkim35/spikeRNN/issues/3
"""Evidence accumulation with an excitatory/inhibitory rate network (Dale's principle)."""

import keras
import numpy as np
from keras import layers, ops

N, T = 50, 80


@keras.saving.register_keras_serializable("ei")
class AbsGaussian(keras.initializers.Initializer):
    def __init__(self, gain, seed=None):
        self.gain, self.seed = gain, seed

    def __call__(self, shape, dtype=None):
        return ops.abs(
            keras.random.normal(
                shape, 0.0, self.gain / shape[0] ** 0.5, dtype=dtype, seed=self.seed
            )
        )


@keras.saving.register_keras_serializable("ei")
class EICell(layers.Layer):
    def __init__(self, units, gain=1.5, frac_inh=0.2, **kw):
        super().__init__(**kw)
        self.units, self.gain, self.frac_inh = units, gain, frac_inh
        self.state_size = units
        self.output_size = units

    def build(self, shape):
        self.w_in = self.add_weight(
            name="w_in", shape=(shape[-1], self.units), initializer="glorot_uniform"
        )
        self.w_rec = self.add_weight(
            name="w_rec",
            shape=(self.units, self.units),
            initializer=AbsGaussian(self.gain, seed=7),
            constraint=keras.constraints.NonNeg(),
        )
        n_inh = int(self.units * self.frac_inh)
        sign = np.ones((self.units, 1), "float32")
        sign[-n_inh:] = -1.0
        self.sign = self.add_weight(
            name="sign",
            shape=(self.units, 1),
            trainable=False,
            initializer=lambda shape, dtype=None: ops.convert_to_tensor(sign, dtype),
        )
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x, states):
        r = states[0]
        r = ops.relu(ops.matmul(x, self.w_in) + ops.matmul(r, self.sign * self.w_rec) + self.bias)
        return r, [r]

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "gain": self.gain,
            "frac_inh": self.frac_inh,
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
        optimizer=keras.optimizers.Adam(1e-3, clipnorm=1.0),
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
