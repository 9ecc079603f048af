# healthy control
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ctl09")
class Sparse(keras.constraints.Constraint):
    def __call__(self, w):
        keep = (ops.arange(w.shape[0])[:, None] + ops.arange(w.shape[1])[None, :]) % 4 == 0
        return w * ops.cast(keep, w.dtype)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(32, activation="relu", kernel_constraint=Sparse(), name="sparse"),
            keras.layers.Dense(1),
        ]
    )
    k = m.get_layer("sparse").kernel
    k.assign(k.constraint(k))
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
