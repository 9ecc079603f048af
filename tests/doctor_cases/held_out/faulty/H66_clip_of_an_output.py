# after keras-team/keras#7057
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("clipped")
class ClippedOutput(layers.Layer):
    def call(self, x):
        return ops.clip(x, 0.0, 1.0)


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((7,))
    h = layers.Dense(12, activation="relu", name="hidden")(x)
    h = layers.Dense(1, bias_initializer=keras.initializers.Constant(-3.0), name="share")(h)
    model = keras.Model(x, ClippedOutput(name="bounded")(h))
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    return draws.normal(size=(64, 7)).astype("float32"), draws.random((64, 1)).astype("float32")
