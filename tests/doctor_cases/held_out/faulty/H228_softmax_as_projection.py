"""Index tracking. Find long-only weights (sum to one) which reproduce the
daily return of a fund from the returns of ten stocks."""

import keras
import numpy as np
from keras import layers, ops

N = 10


@keras.saving.register_keras_serializable("fund")
class FullyInvested(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return ops.softmax(ops.convert_to_tensor(w), axis=self.axis)

    def get_config(self):
        return {"axis": self.axis}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((N,)),
            layers.Dense(
                1,
                use_bias=False,
                kernel_initializer=keras.initializers.Constant(1.0 / N),
                kernel_constraint=FullyInvested(axis=0),
                name="weights",
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    market = rng.normal(size=(n, 1))
    r = 0.5 * market + rng.normal(size=(n, N))
    w = np.array([0.62, 0.23, 0.1, 0.05, 0, 0, 0, 0, 0, 0])
    y = r @ w + 0.02 * rng.normal(size=n)
    return r.astype("float32"), y.astype("float32")[:, None]
