# after https://github.com/tensorflow/tensorflow/issues/60113
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(51)
    model = keras.Sequential(
        [
            keras.Input((18,)),
            layers.Dense(20, activation="relu", name="inner"),
            layers.Dense(1, activation="sigmoid", name="malignant"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(120, 18))
    y = 0.8 * x[:, 2] - x[:, 5] + 0.4 * x[:, 11] > 0
    return x.astype("float32"), y.astype("float32")[:, None]
