"""The first program, treated: positive weights that start positive."""

import keras
from positive import make_batch as make_batch

import constrainit as ci


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(10, activation="sigmoid", **ci.constrained(kernel=ci.Positive())),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model
