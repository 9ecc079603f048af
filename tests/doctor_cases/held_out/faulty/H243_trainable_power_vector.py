"""1-Lipschitz value network with hand-written spectral normalisation.

Power iteration, one step per call.
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("blind49")
class SNDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kw):
        super().__init__(**kw)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, s):
        self.kernel = self.add_weight(
            shape=(s[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.u = self.add_weight(shape=(1, self.units), initializer="random_normal", name="u")

    def spectral_kernel(self, training=False):
        w, u = ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.u)
        v = ops.matmul(u, ops.transpose(w))
        v = v / (ops.norm(v) + 1e-12)
        u = ops.matmul(v, w)
        u = u / (ops.norm(u) + 1e-12)
        if training:
            self.u.assign(u)
        return w / ops.matmul(ops.matmul(v, w), ops.transpose(u))

    def call(self, x, training=False):
        return self.activation(ops.matmul(x, self.spectral_kernel(training)) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            SNDense(16, "leaky_relu", name="sn_1"),
            SNDense(16, "leaky_relu", name="sn_2"),
            SNDense(1, name="value"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (4 * x[:, :1] - 3 * x[:, 1:2]).astype("float32")
    return x, y
