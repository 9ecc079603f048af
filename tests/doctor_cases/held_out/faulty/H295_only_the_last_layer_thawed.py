"""Fine-tuning: all is frozen by the model's own flag, then its last layer is switched on again."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(12)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", name="feature_1"),
            layers.Dense(32, activation="relu", name="feature_2"),
            layers.Dense(
                3,
                activation="softmax",
                kernel_constraint=keras.constraints.MaxNorm(3.0),
                name="head",
            ),
        ]
    )
    model.trainable = False
    model.layers[-1].trainable = True
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centre = r.normal(size=(3, 16))
    y = r.integers(0, 3, 96)
    return (centre[y] + 0.5 * r.normal(size=(96, 16))).astype("float32"), y
