# repaired twin of cases/39_infeasible_init_jump.py
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
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.35),
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="unit",
            ),
            keras.layers.Dense(1),
        ]
    )
    k = m.get_layer("unit").kernel
    k.assign(k.constraint(k))
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
