"""Pitch regressor: five Conv1D layers, orthogonal start, every kernel kept at spectral norm one."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("wave11")
class SpectralNorm(keras.constraints.Constraint):
    def __init__(self, iterations=20):
        self.iterations = iterations

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        mat = ops.reshape(w, (w.shape[0], -1))
        u = ops.ones((mat.shape[0], 1), dtype=w.dtype)
        for _ in range(self.iterations):
            v = ops.matmul(ops.transpose(mat), u)
            v = v / (ops.norm(v) + 1e-12)
            u = ops.matmul(mat, v)
            u = u / (ops.norm(u) + 1e-12)
        sigma = ops.sum(u * ops.matmul(mat, v))
        return w / sigma

    def get_config(self):
        return {"iterations": self.iterations}


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((32, 1))])
    for i in range(5):
        m.add(
            keras.layers.Conv1D(
                24,
                3,
                padding="same",
                activation="leaky_relu",
                kernel_initializer="orthogonal",
                kernel_constraint=SpectralNorm(),
                name=f"conv{i}",
            )
        )
    m.add(keras.layers.Flatten())
    m.add(keras.layers.Dense(1, kernel_constraint=keras.constraints.MaxNorm(1.0), name="pitch"))
    m.compile(keras.optimizers.SGD(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    f = r.uniform(0.1, 0.4, size=(48, 1))
    x = (2 * np.cos(f * np.arange(32)[None, :]))[..., None].astype("float32")
    y = (10 * (f - 0.25)).astype("float32")
    return x, y
