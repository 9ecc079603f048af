# after keras-team/keras#474, vlawhern/arl-eegmodels#1
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("vision")
class LimitFilters(keras.constraints.Constraint):
    """No filter may be longer than the limit."""

    def __init__(self, limit=1.0):
        self.limit = limit

    def __call__(self, w):
        length = ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))
        return w * ops.minimum(1.0, self.limit / (length + 1e-7))

    def get_config(self):
        return {"limit": self.limit}


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((10, 10, 3))
    h = layers.Conv2D(
        12,
        3,
        activation="relu",
        kernel_initializer="he_normal",
        kernel_constraint=LimitFilters(0.5),
        name="limited",
    )(image)
    h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(image, layers.Dense(1, name="score")(h))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(16, 10, 10, 3)).astype("float32")
    return x, x[:, 3:6, 3:6].mean(axis=(1, 2, 3))[:, None]
