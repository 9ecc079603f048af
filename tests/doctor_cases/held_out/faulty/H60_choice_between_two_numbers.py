# after larq/larq#577
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("binary")
class BinaryDense(layers.Layer):
    """Weights of plus or minus one, kept as real numbers between."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.latent = self.add_weight(
            shape=(shape[-1], self.units),
            initializer="glorot_uniform",
            constraint=Clip(),
            name="latent",
        )

    def call(self, x):
        binary = ops.where(self.latent >= 0, 1.0, -1.0)
        return ops.matmul(x, binary) / np.sqrt(x.shape[-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("binary")
class Clip(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((18,))
    h = layers.BatchNormalization()(BinaryDense(32, name="bits")(x))
    h = layers.Activation("tanh")(h)
    model = keras.Model(x, layers.Dense(1, name="value")(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 18)).astype("float32")
    return x, x[:, :3].sum(axis=1, keepdims=True)
