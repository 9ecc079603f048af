# after keras-team/keras#4175
import keras
import numpy as np
from keras import layers, ops


def wrong_share(y_true, y_pred):
    return ops.mean(ops.abs(y_true - ops.round(y_pred)), axis=-1)


def make_model():
    keras.utils.set_random_seed(5)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, activation="relu"),
            layers.Dense(1, activation="sigmoid", name="decision"),
        ]
    )
    model.compile(optimizer="rmsprop", loss=wrong_share, metrics=["accuracy"])
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 20)).astype("float32")
    return x, (x[:, :1] > 0).astype("float32")
