"""Critic with spectrally normalised Dense layers; its score starts at zero for every sample."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("densesn")
class DenseSN(keras.layers.Layer):
    def __init__(self, units, activation=None, kernel_initializer="glorot_uniform", **kw):
        super().__init__(**kw)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units), initializer=self.kernel_initializer, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")
        self.u = self.add_weight(
            shape=(1, self.units), initializer="random_normal", trainable=False, name="u"
        )

    @staticmethod
    def _l2normalize(v, eps=1e-12):
        return v / (ops.sqrt(ops.sum(ops.square(v))) + eps)

    def call(self, x, training=False):
        w = ops.stop_gradient(self.kernel)
        v = self._l2normalize(ops.matmul(self.u, ops.transpose(w)))
        u = self._l2normalize(ops.matmul(v, w))
        sigma = ops.matmul(ops.matmul(v, self.kernel), ops.transpose(u))
        if training:
            self.u.assign(u)
        return self.activation(ops.matmul(x, self.kernel / sigma) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((24,)),
            DenseSN(32, activation="leaky_relu", name="sn_1"),
            DenseSN(32, activation="leaky_relu", name="sn_2"),
            DenseSN(1, kernel_initializer="zeros", name="score"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.002), "hinge")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.choice([-1.0, 1.0], size=(64, 1)).astype("float32")
    x = (r.normal(size=(64, 24)) + 0.8 * y).astype("float32")
    return x, y
