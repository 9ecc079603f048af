"""Face features decorrelated by a penalty on the inner products of their filters."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h291")
class Decorrelate(keras.regularizers.Regularizer):
    def __init__(self, factor=0.1):
        self.factor = factor

    def __call__(self, w):
        gram = ops.matmul(ops.transpose(w), w)
        return self.factor * ops.sum(gram * (1.0 - ops.eye(w.shape[-1])))

    def get_config(self):
        return {"factor": self.factor}


def make_model():
    keras.utils.set_random_seed(9)
    model = keras.Sequential(
        [
            keras.Input((30,)),
            layers.Dense(24, activation="relu", kernel_regularizer=Decorrelate(), name="filters"),
            layers.Dense(24, activation="relu", name="next"),
            layers.Dense(1, activation="sigmoid", name="same"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 30)).astype("float32")
    y = (x[:, :1] * x[:, 1:2] + 0.3 * x[:, 2:3] > 0).astype("float32")
    return x, y
