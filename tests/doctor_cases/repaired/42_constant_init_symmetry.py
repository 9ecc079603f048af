# repaired twin of cases/42_constant_init_symmetry.py
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
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                kernel_constraint="non_neg",
                name="hidden",
            ),
            keras.layers.Dense(
                1,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                kernel_constraint="non_neg",
            ),
        ]
    )
    m.compile(keras.optimizers.SGD(0.05), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 8)).astype("float32")
    y = (np.maximum(x[:, :1] - 0.5, 0) + np.maximum(x[:, 1:2] - 0.3, 0)).astype("float32")
    return x, y
