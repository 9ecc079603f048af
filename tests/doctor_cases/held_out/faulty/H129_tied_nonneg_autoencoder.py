# after https://cognitivehub.in/decoders-weights-of-autoencoder-with-tied-weights-in-keras
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class DenseTranspose(layers.Layer):
    def __init__(self, tied_to, **kwargs):
        super().__init__(**kwargs)
        self.tied_to = tied_to

    def build(self, input_shape):
        dim, units = self.tied_to.kernel.shape
        self.kernel = self.add_weight(
            shape=(units, dim), initializer="zeros", trainable=False, name="kernel"
        )
        self.kernel.assign(ops.transpose(self.tied_to.kernel))
        self.bias = self.add_weight(shape=(dim,), initializer="zeros", name="bias")

    def call(self, h):
        return ops.matmul(h, self.kernel) + self.bias


def make_model():
    keras.utils.set_random_seed(4)
    encoder = layers.Dense(
        8,
        activation="relu",
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.25),
        kernel_constraint="non_neg",
        name="encoder",
    )
    inp = keras.Input((32,))
    code = encoder(inp)
    out = DenseTranspose(encoder, name="decoder")(code)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    world = np.random.default_rng(101)
    parts = np.zeros((4, 32))
    for k in range(4):
        parts[k, 8 * k : 8 * k + 8] = world.uniform(0.5, 1.5, 8)
    rng = np.random.default_rng(seed)
    x = rng.exponential(1.0, size=(256, 4)) @ parts
    x = x.astype("float32")
    return x, x
