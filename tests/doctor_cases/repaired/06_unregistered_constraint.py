# repaired twin of cases/06_unregistered_constraint.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case06")
class Clip(keras.constraints.Constraint):
    def __init__(self, c=1.0):
        self.c = c

    def __call__(self, w):
        return ops.clip(w, -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, activation="relu", kernel_constraint=Clip(0.25), name="clipped"),
            keras.layers.Dense(1),
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
