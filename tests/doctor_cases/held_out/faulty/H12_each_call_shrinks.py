# after vlawhern/arl-eegmodels#1, keras-team/keras#3628
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class SoftMaxNorm(keras.constraints.Constraint):
    """The formula of Keras 1, with a stabiliser that is far too large."""

    def __init__(self, limit=1.0, fuzz=0.05):
        self.limit, self.fuzz = limit, fuzz

    def __call__(self, w):
        norms = ops.sqrt(ops.sum(ops.square(w), axis=(0, 1, 2), keepdims=True))
        return w * (ops.clip(norms, 0.0, self.limit) / (self.fuzz + norms))

    def get_config(self):
        return {"limit": self.limit, "fuzz": self.fuzz}


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(8, 3, activation="tanh", kernel_constraint=SoftMaxNorm(2.0), name="edges")(
        image
    )
    model = keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(h)))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
