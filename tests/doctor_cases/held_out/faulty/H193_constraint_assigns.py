import keras
import numpy as np
from keras import layers, ops


class UnitColumns(keras.constraints.Constraint):
    def __call__(self, w):
        w.assign(w / ops.norm(w, axis=0, keepdims=True))


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(16, "relu", kernel_constraint=UnitColumns(), name="filters"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 12)).astype("float32")
    return x, x.sum(1, keepdims=True)
