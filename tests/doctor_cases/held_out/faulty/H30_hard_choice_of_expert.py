# after keras-team/keras#11157, pytorch/pytorch#1339
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Router(layers.Layer):
    """Sends each sample to the expert with the highest score."""

    def build(self, shape):
        self.scores = layers.Dense(3, name="scores")
        self.scores.build(shape)
        self.experts = self.add_weight(
            shape=(3, shape[-1], 4), initializer="glorot_uniform", name="experts"
        )

    def call(self, x):
        chosen = ops.one_hot(ops.argmax(self.scores(x), axis=-1), 3)
        return ops.einsum("be,bi,eio->bo", chosen, x, self.experts)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(1)(Router(name="router")(inputs)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
