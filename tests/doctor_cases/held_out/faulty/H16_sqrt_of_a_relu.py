# after keras-team/keras#13203
import keras
import numpy as np
from keras import layers, ops


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, activation="relu", name="middle")(image)
    h = layers.Flatten()(h)
    h = layers.Lambda(lambda t: ops.sqrt(t), name="error_point")(h)
    model = keras.Model(image, layers.Dense(1, name="answer")(h))
    model.compile(keras.optimizers.Adam(0.001), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
