# A Gaussian mixture as a density model: NonNeg mixture weights and scales.
import keras
import numpy as np
from keras import layers, ops


class Mixture(layers.Layer):
    def __init__(self, k, **kw):
        super().__init__(**kw)
        self.k = k

    def build(self, input_shape):
        pos = keras.constraints.NonNeg()
        self.pi = self.add_weight(
            shape=(self.k,),
            initializer=keras.initializers.Constant(1 / self.k),
            constraint=pos,
            name="pi",
        )
        self.mu = self.add_weight(
            shape=(self.k,), initializer=keras.initializers.RandomUniform(-3, 3), name="mu"
        )
        self.log_sigma = self.add_weight(shape=(self.k,), initializer="zeros", name="log_sigma")

    def call(self, x):
        s = ops.exp(self.log_sigma) + 0.05
        p = ops.exp(-0.5 * ops.square((x - self.mu) / s)) / (s * 2.5066)
        return ops.sum(self.pi * p, axis=-1, keepdims=True)


def nll(y_true, p):
    return -ops.mean(ops.log(p + 1e-8), axis=-1)


def make_model():
    keras.utils.set_random_seed(13)
    m = keras.Sequential([keras.Input((1,)), Mixture(4, name="mixture")])
    m.compile(keras.optimizers.Adam(0.02), nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = np.concatenate([r.normal(-2, 0.5, 128), r.normal(1.5, 0.8, 128)])[:, None].astype("float32")
    r.shuffle(x)
    return x, np.zeros_like(x)
