# repaired twin of cases/31_icnn_explodes.py
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,))])
    for i in range(6):
        m.add(
            keras.layers.Dense(
                256,
                activation="softplus",
                kernel_constraint="non_neg",
                name=f"z{i}",
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.0078),
            )
        )
    m.add(
        keras.layers.Dense(
            1,
            kernel_constraint="non_neg",
            kernel_initializer=keras.initializers.RandomUniform(0.0, 0.0078),
        )
    )
    m.compile(keras.optimizers.Adam(1e-4), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
