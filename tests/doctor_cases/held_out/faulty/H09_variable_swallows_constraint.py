# after keras-team/keras#13112, keras-team/keras#18883
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("held_out")
class PositiveScale(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.scale = keras.Variable(
            0.3 * np.ones((8,), "float32"), constraint=keras.constraints.NonNeg(), name="scale"
        )

    def call(self, x):
        return x * self.scale


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), PositiveScale(name="gain"), layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.2), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
