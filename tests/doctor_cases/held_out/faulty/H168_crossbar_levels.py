# after https://github.com/MatthieuCourbariaux/BinaryConnect/issues/8
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("crossbar")
class Levels(keras.constraints.Constraint):
    def __init__(self, step=0.125):
        self.step = step

    def __call__(self, w):
        return ops.clip(ops.round(w / self.step) * self.step, -1.0, 1.0)

    def get_config(self):
        return {"step": self.step}


def make_model():
    keras.utils.set_random_seed(8)
    inp = keras.Input((16,), name="lines")
    h = keras.layers.Dense(32, activation="relu", kernel_constraint=Levels(), name="crossbar_1")(
        inp
    )
    h = keras.layers.Dense(16, activation="relu", kernel_constraint=Levels(), name="crossbar_2")(h)
    out = keras.layers.Dense(1, kernel_constraint=Levels(), name="readout")(h)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(2e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(1500, 16)).astype("float32")
    y = np.maximum(x[:, 0] + x[:, 1], 0) - np.maximum(x[:, 2] - x[:, 5], 0) + 0.5 * x[:, 7]
    return x, y[:, None].astype("float32")
