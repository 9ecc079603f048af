# https://github.com/facebookresearch/NeuralCompression/issues/85
import keras
import numpy as np
from keras import layers, ops


class GDN(layers.Layer):
    """generalized divisive normalization"""

    def build(self, input_shape):
        c = input_shape[-1]
        self.beta = self.add_weight(name="beta", shape=(c,), initializer="ones")
        self.gamma = self.add_weight(
            name="gamma", shape=(c, c), initializer=keras.initializers.Identity(gain=0.1)
        )

    def call(self, x):
        norm = ops.sqrt(self.beta + ops.matmul(ops.square(x), self.gamma))
        return x / norm


def make_model():
    keras.utils.set_random_seed(8)
    inp = keras.Input((24,))
    x = layers.Dense(16)(inp)
    x = GDN(name="gdn1")(x)
    x = layers.Dense(16)(x)
    x = GDN(name="gdn2")(x)
    out = layers.Dense(24)(x)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(5).normal(size=(8, 24))
    x = (rng.normal(size=(128, 8)) @ basis).astype("float32")
    return x, x
