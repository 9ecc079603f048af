"""Default risk scorecard: risk rises with every input, hence non-negative weights all through."""

import keras
import numpy as np
from keras import layers
from keras.constraints import NonNeg


def make_model():
    keras.utils.set_random_seed(19)
    pos = keras.initializers.RandomUniform(0.0, 0.3, seed=1)
    model = keras.Sequential(
        [
            keras.Input((7,)),
            layers.Dense(
                12,
                activation="sigmoid",
                kernel_constraint=NonNeg(),
                kernel_initializer=pos,
                name="bins",
            ),
            layers.Dense(1, activation="softmax", kernel_constraint=NonNeg(), name="default"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch():
    rng = np.random.default_rng(20)
    x = rng.normal(size=(2000, 7))
    z = x @ np.array([1.0, 0.8, 0.6, 0.4, 0.3, 0.2, 0.1]) - 0.8
    y = (rng.random(2000) < 1 / (1 + np.exp(-2 * z))).astype("float32")
    return x.astype("float32"), y[:, None]
