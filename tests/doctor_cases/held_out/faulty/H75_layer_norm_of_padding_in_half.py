# after tensorflow/tensorflow#24979
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("bert")
class OwnLayerNorm(layers.Layer):
    """Mean 0 and variance 1 over the features, as the first BERT code had it."""

    def build(self, shape):
        self.gamma = self.add_weight(shape=(shape[-1],), initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=(shape[-1],), initializer="zeros", name="beta")

    def call(self, x):
        centred = x - ops.mean(x, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(centred), axis=-1, keepdims=True)
        return centred / ops.sqrt(variance + 1e-12) * self.gamma + self.beta


def make_model():
    keras.utils.set_random_seed(9)
    x = keras.Input((12, 8))
    h = OwnLayerNorm(dtype="mixed_float16", name="norm")(x)
    h = layers.Dense(16, activation="gelu", dtype="mixed_float16")(h)
    h = layers.GlobalAveragePooling1D()(h)
    model = keras.Model(x, layers.Dense(1, dtype="float32")(h))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(16, 12, 8)).astype("float32")
    x[:, 9:] = 0
    return x, rng.normal(size=(16, 1)).astype("float32")
