# after google-research/simclr#105
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("held_out")
class WithAuxiliary(keras.Model):
    """A second head that is read in inference only and has no loss."""

    def __init__(self, **rest):
        super().__init__(**rest)
        self.body = layers.Dense(12, activation="relu", name="body")
        self.main = layers.Dense(1, name="main")
        self.side = layers.Dense(2, name="side", trainable=False)

    def call(self, x, training=False):
        h = self.body(x)
        self.side(h)
        return self.main(h)


def make_model():
    keras.utils.set_random_seed(0)
    model = WithAuxiliary()
    model(np.zeros((1, 8), "float32"))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
