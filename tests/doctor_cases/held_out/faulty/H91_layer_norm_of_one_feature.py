# after pytorch/pytorch#108956
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(5)
    series = keras.Input((30, 1))
    h = layers.LayerNormalization(name="scale_input")(series)
    h = layers.LSTM(24)(h)
    h = layers.Dense(16, activation="relu")(h)
    model = keras.Model(series, layers.Dense(1)(h))
    model.compile("adam", "mae")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    price = 20.0 + rng.normal(size=(64, 31)).cumsum(axis=1)
    return price[:, :30, None].astype("float32"), (price[:, 30:] - 20.0).astype("float32")
