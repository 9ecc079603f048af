# after keras-team/keras#15271, xiph/LPCNet#97
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(16, activation="relu")(inputs)
    out = layers.Dense(1, kernel_constraint=keras.constraints.MaxNorm(2.0), name="probability")(h)
    model = keras.Model(inputs, out)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 8)).astype("float32")
    return x, (x[:, :1] > x[:, 1:2]).astype("float32")
