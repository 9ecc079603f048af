# adapted from keras-team/keras#9068, #11304, tensorflow/tensorflow#19467 (constraint is first
# applied after the first update)
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                32,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=3.0),
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="unit",
            ),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
