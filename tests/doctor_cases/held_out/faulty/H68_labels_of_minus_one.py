# after https://techfeed.net/pt/431483/
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(2)
    start = keras.initializers.GlorotNormal
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(50, activation="relu", kernel_initializer=start(seed=1)),
            layers.Dense(50, activation="relu", kernel_initializer=start(seed=2)),
            layers.Dense(1, kernel_initializer=start(seed=3), name="output"),
        ]
    )
    model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(100, 5)).astype("float32")
    return x, np.sign(x[:, :1] - x[:, 1:2]).astype("float32")
