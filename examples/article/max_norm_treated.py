"""The third program, treated: the norm of each unit bounded without an epsilon."""

import keras
from max_norm import make_batch as make_batch

import constrainit as ci


def make_model(inputs=5):
    model = keras.Sequential(
        [
            keras.Input((inputs,)),
            keras.layers.Dense(10, activation="sigmoid", **ci.constrained(kernel=ci.MaxNorm(2))),
        ]
    )
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    return model
