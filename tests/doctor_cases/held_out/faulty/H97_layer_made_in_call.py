# after keras-team/keras#11736
import keras
import numpy as np
from keras import layers


class Encode(layers.Layer):
    """Two dense layers as one."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def call(self, x):
        h = layers.Dense(2 * self.units, activation="relu")(x)
        return layers.Dense(self.units, activation="relu")(h)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)


def make_model():
    keras.utils.set_random_seed(2)
    x = keras.Input((15,))
    h = Encode(32, name="encode")(x)
    model = keras.Model(x, layers.Dense(3, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=64)
    return (rng.normal(size=(64, 15)) + 2 * np.eye(3, 15)[label]).astype("float32"), label
