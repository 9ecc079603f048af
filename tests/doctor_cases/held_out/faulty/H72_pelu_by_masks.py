# after keras-team/keras#2861
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pelu")
class PELU(layers.Layer):
    """An ELU whose slope and decay are learnt; each side is masked and both are added."""

    def build(self, input_shape):
        shape = input_shape[1:]
        self.alphas = self.add_weight(shape=shape, initializer="ones", name="alphas")
        self.betas = self.add_weight(shape=shape, initializer="ones", name="betas")

    def call(self, x):
        pos = self.alphas / self.betas * x
        pos *= ops.cast(x > 0, x.dtype)
        neg = self.alphas * (ops.exp(x / self.betas) - 1)
        neg *= ops.cast(x < 0, x.dtype)
        return pos + neg


def make_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((24,)),
            layers.Dense(64, kernel_initializer="he_normal"),
            PELU(name="pelu"),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    """Daily counts of which a few are large."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(32, 24))
    x[:, 3] = np.exp(rng.normal(2, 1.5, size=32))
    return x.astype("float32"), rng.normal(size=(32, 1)).astype("float32")
