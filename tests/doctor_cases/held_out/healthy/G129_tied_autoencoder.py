# An autoencoder whose decoder is the transposed encoder.
import keras
import numpy as np
from keras import layers, ops


class TiedDecoder(layers.Layer):
    def __init__(self, encoder, **kw):
        super().__init__(**kw)
        self.encoder = encoder

    def build(self, input_shape):
        self.bias = self.add_weight(
            shape=(self.encoder.kernel.shape[0],), initializer="zeros", name="bias"
        )

    def call(self, z):
        return ops.matmul(z, ops.transpose(self.encoder.kernel)) + self.bias


def make_model():
    keras.utils.set_random_seed(1)
    inp = keras.Input((20,))
    enc = layers.Dense(
        4,
        use_bias=False,
        kernel_initializer="orthogonal",
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        name="encoder",
    )
    out = TiedDecoder(enc, name="decoder")(enc(inp))
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(256, 4)) @ r.normal(size=(4, 20)) / 2 + 0.05 * r.normal(size=(256, 20))
    x = x.astype("float32")
    return x, x
