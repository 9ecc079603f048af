"""The second program, treated: weights in [0.1, 1] that start there."""

import keras
from bounded import make_batch as make_batch

import constrainit as ci


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(10, activation="sigmoid", **ci.constrained(kernel=ci.Box(0.1, 1.0))),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model
