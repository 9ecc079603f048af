# after https://github.com/shaham-lab/SpectralNet/pull/10
import keras
import numpy as np
from keras import ops

DIM = 12


@keras.saving.register_keras_serializable("mixing")
class Orthonormal(keras.constraints.Constraint):
    def __call__(self, w):
        q, _ = ops.qr(w)
        return q


def make_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((DIM,), name="signals"),
            keras.layers.Dense(
                DIM,
                use_bias=False,
                kernel_initializer="orthogonal",
                kernel_constraint=Orthonormal(),
                name="rotate_1",
            ),
            keras.layers.Activation("tanh"),
            keras.layers.Dense(
                DIM,
                use_bias=False,
                kernel_initializer="orthogonal",
                kernel_constraint=Orthonormal(),
                name="rotate_2",
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    t = np.random.default_rng(50)
    a, b = (np.linalg.qr(t.normal(size=(DIM, DIM)))[0] for _ in range(2))
    x = r.normal(size=(1200, DIM))
    y = np.tanh(x @ a) @ b
    return x.astype("float32"), y.astype("float32")
