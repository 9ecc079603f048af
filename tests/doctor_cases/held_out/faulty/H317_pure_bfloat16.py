# after https://github.com/keras-team/keras/issues/16970
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    half = {"dtype": "bfloat16"}
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", **half, name="inner"),
            layers.LayerNormalization(**half, name="scaled"),
            layers.Dense(1, **half, name="last"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 16)).astype("float32")
    y = 0.5 * np.abs(x[:, :4]).sum(axis=1, keepdims=True)
    return x, y.astype("float32")
