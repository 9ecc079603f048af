# repaired twin of cases/41_bump_sigma_disconnected.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case41fix")
class Bump(keras.layers.Layer):
    def build(self, s):
        self.sigma = self.add_weight(
            shape=(s[-1],), initializer="ones", constraint="non_neg", name="sigma"
        )

    def call(self, x):
        z = x / (self.sigma + 1e-3)
        inside = ops.abs(z) < 1.0
        safe = ops.where(inside, z, 0.0)
        return ops.where(inside, ops.exp(-1.0 / (1.0 - ops.square(safe) * 0.99)), 0.0)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), Bump(name="bump"), keras.layers.Dense(1)])
    m.compile("adam", "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
