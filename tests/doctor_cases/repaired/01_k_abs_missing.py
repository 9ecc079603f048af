# repaired twin of cases/01_k_abs_missing.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case01")
class Positive(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.abs(w)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, kernel_constraint=Positive(), name="head"),
        ]
    )
    m.compile("adam", "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
