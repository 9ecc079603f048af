# after keras-team/keras#18886, keras-team/keras#590, rstudio/keras3#1280
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.LayerNormalization()(layers.Dense(12, activation="relu")(inputs))
    model = keras.Model(inputs, layers.Dense(1, name="rate")(h))
    model.compile(keras.optimizers.RMSprop(0.01), "poisson")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    return x, draws.poisson(np.exp(x[:, :1] * 0.5)).astype("float32")
