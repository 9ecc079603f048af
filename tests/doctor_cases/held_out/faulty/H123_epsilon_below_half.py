# after keras-team/keras#11860
import keras
import numpy as np
from keras import layers


def half(n, activation, name):
    largest = keras.constraints.MaxNorm(3.0)
    return layers.Dense(
        n, activation=activation, kernel_constraint=largest, dtype="float16", name=name
    )


def make_model():
    keras.utils.set_random_seed(13)
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="float16"),
            half(64, "relu", "d1"),
            half(64, "relu", "d2"),
            layers.Dense(1, activation="sigmoid", dtype="float16", name="p"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 12))
    y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] > 0).astype("float32")[:, None]
    return x.astype("float16"), y
