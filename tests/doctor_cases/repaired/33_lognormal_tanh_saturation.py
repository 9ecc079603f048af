# repaired twin of cases/33_lognormal_tanh_saturation.py
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)

    def lognormal(shape, dtype=None):
        return np.random.default_rng(1).lognormal(-4.6, 1.0, size=shape).astype("float32")

    m = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(64, activation="tanh", kernel_constraint="non_neg", name="h1"),
            keras.layers.Dense(64, activation="tanh", kernel_constraint="non_neg", name="h2"),
            keras.layers.Dense(1),
        ]
    )
    for n in ("h1", "h2"):
        k = m.get_layer(n).kernel
        k.assign(lognormal(k.shape))
    m.compile(keras.optimizers.SGD(0.01), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 64)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
