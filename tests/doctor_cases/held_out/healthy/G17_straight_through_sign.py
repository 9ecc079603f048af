# after itayhubara/BinaryNet.pytorch#31
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Binary(layers.Layer):
    def build(self, shape):
        self.latent = self.add_weight(
            shape=(shape[-1], 16),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(4.0),
            name="latent",
        )

    def call(self, x):
        hard = self.latent + ops.stop_gradient(ops.sign(self.latent) - self.latent)
        return ops.matmul(x, hard) / 3.0


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.LayerNormalization()(Binary(name="binary")(inputs))
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
