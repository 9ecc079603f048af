# after mmalekzadeh/dana#1, tensorflow/docs#1034
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    signal = keras.Input((16, 2))
    h = layers.Conv1D(8, 5, activation="relu", name="filters")(signal)
    h = layers.GlobalAveragePooling1D()(h)
    out = layers.Dense(3, activation="softmax", name="classes")(h)
    model = keras.Model(signal, out)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    y = draws.integers(0, 3, 48).astype("int32")
    x = draws.normal(size=(48, 16, 2)) + 0.7 * (y[:, None, None] - 1)
    return x.astype("float32"), y
