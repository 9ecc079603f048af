# after keras-team/keras#6615
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("sparse")
class SparseReg(keras.regularizers.Regularizer):
    """The divergence of the mean activity of each unit from a wanted one."""

    def __init__(self, p=0.01, beta=0.5):
        self.p, self.beta = p, beta

    def __call__(self, x):
        mean = ops.mean(x, axis=0)
        kl = self.p * ops.log(self.p / mean) + (1 - self.p) * ops.log((1 - self.p) / (1 - mean))
        return self.beta * ops.sum(kl)

    def get_config(self):
        return {"p": self.p, "beta": self.beta}


def make_model():
    keras.utils.set_random_seed(14)
    image = keras.Input((8, 8, 1))
    h = layers.Conv2D(16, 3, padding="same", activity_regularizer=SparseReg(), name="lay1")(image)
    h = layers.LeakyReLU(0.1)(h)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(h))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).random((8, 8, 8, 1)).astype("float32")
    return x, x
