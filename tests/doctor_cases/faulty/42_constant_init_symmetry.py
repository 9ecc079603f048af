# constant feasible start for a non-negative layer (NeuraLint f004; datascience.stackexchange 19170)
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(
                16,
                activation="relu",
                kernel_initializer=keras.initializers.Constant(0.1),
                kernel_constraint="non_neg",
                name="hidden",
            ),
            keras.layers.Dense(
                1, kernel_initializer=keras.initializers.Constant(0.1), kernel_constraint="non_neg"
            ),
        ]
    )
    m.compile(keras.optimizers.SGD(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 8)).astype("float32")
    y = (np.maximum(x[:, :1] - 0.5, 0) + np.maximum(x[:, 1:2] - 0.3, 0)).astype("float32")
    return x, y
