# adapted from keras-team/keras#10405 (spectral norm as a stateless constraint, fresh u each call)
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case09")
class SpectralNorm(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        u = keras.random.normal((1, w.shape[-1]))
        v = ops.normalize(ops.matmul(u, ops.transpose(w)))
        u = ops.normalize(ops.matmul(v, w))
        sigma = ops.matmul(ops.matmul(v, w), ops.transpose(u))
        return w / sigma


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(32, activation="relu", kernel_constraint=SpectralNorm(), name="sn"),
            keras.layers.Dense(1),
        ]
    )
    m.compile("adam", "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
