# after deel-ai/deel-lip#48
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class SpectralNormAtMostOne(keras.constraints.Constraint):
    def __call__(self, w):
        v = ops.ones((w.shape[1], 1), dtype=w.dtype) / float(w.shape[1]) ** 0.5
        v = v + 0.01 * ops.reshape(ops.arange(w.shape[1], dtype=w.dtype), (-1, 1))
        for _ in range(15):
            u = ops.matmul(w, v)
            u = u / (ops.norm(u) + 1e-8)
            v = ops.matmul(ops.transpose(w), u)
            v = v / (ops.norm(v) + 1e-8)
        sigma = ops.norm(ops.matmul(w, v))
        return w / ops.maximum(sigma, 1.0)


def make_model():
    keras.utils.set_random_seed(11)

    def lip():
        return SpectralNormAtMostOne()

    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(
                32,
                activation="relu",
                kernel_initializer="orthogonal",
                kernel_constraint=lip(),
                name="lip_1",
            ),
            layers.Dense(
                32,
                activation="relu",
                kernel_initializer="orthogonal",
                kernel_constraint=lip(),
                name="lip_2",
            ),
            layers.Dense(
                1, kernel_initializer="orthogonal", kernel_constraint=lip(), name="lip_out"
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 10, size=(256, 1))
    return x.astype("float32"), (x**2).astype("float32")
