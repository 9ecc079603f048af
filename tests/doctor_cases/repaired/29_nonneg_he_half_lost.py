# repaired twin of cases/29_nonneg_he_half_lost.py
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)

    def dense(n):
        return keras.layers.Dense(
            n,
            activation="relu",
            kernel_initializer=keras.initializers.RandomUniform(0.05, 0.5),
            kernel_constraint="non_neg",
            name=f"nn{n}",
        )

    m = keras.Sequential([keras.Input((8,)), dense(17), dense(16), keras.layers.Dense(1)])
    m.compile(keras.optimizers.SGD(0.01), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
