# after https://stackoom.com/en/question/4HpqD
import keras
import numpy as np
from keras import layers, regularizers

KINDS = 10


def make_model():
    keras.utils.set_random_seed(40)
    penalty = {"kernel_regularizer": regularizers.L2(0.1)}
    model = keras.Sequential(
        [
            keras.Input((64,)),
            layers.Dense(36, activation="sigmoid", **penalty, name="inner"),
            layers.Dropout(0.5),
            layers.Dense(KINDS, activation="softmax", **penalty, name="kinds"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(0.01), "categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    shapes = np.random.default_rng(12).uniform(0, 1, size=(KINDS, 64))
    kinds = rng.integers(0, KINDS, size=200)
    x = np.clip(shapes[kinds] + 0.2 * rng.normal(size=(200, 64)), 0, 1)
    return x.astype("float32"), np.eye(KINDS, dtype="float32")[kinds]
