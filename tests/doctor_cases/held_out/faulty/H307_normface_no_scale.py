"""Unit features times unit class vectors, softmax of the cosines: the loss stays above 2.7."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(10)
    m = keras.Sequential(
        [
            keras.Input((32,)),
            layers.Dense(64, activation="relu", name="fc1"),
            layers.Dense(16, name="embedding"),
            layers.UnitNormalization(name="l2"),
            layers.Dense(
                40,
                use_bias=False,
                activation="softmax",
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="classes",
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.003), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centers = r.normal(size=(40, 32))
    y = np.arange(320) % 40
    x = centers[y] + 0.2 * r.normal(size=(320, 32))
    return x.astype("float32"), y.astype("int32")
