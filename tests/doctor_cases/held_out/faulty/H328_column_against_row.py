# https://github.com/keras-team/keras/issues/19662
import keras
import numpy as np
from keras import layers, ops


class HuberLikeLoss(keras.losses.Loss):
    def __init__(self, delta=1.0, **kwargs):
        super().__init__(**kwargs)
        self.delta = delta

    def call(self, y_true, y_pred):
        error = y_true - y_pred
        small = 0.5 * ops.square(error)
        large = self.delta * (ops.abs(error) - 0.5 * self.delta)
        return ops.where(ops.abs(error) < self.delta, small, large)


def make_model():
    keras.utils.set_random_seed(34)
    model = keras.Sequential(
        [
            keras.Input((13,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer="rmsprop", loss=HuberLikeLoss())
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(128, 13)).astype("float32")
    w = np.random.default_rng(6).normal(size=13)
    y = (x @ w).astype("float32")
    return x, y
