"""Combining six river gauges into three reach levels. The weights of each
reach are positive and sum to one."""

import keras
import numpy as np
from keras import layers, ops

N_GAUGE, N_REACH = 6, 3


@keras.saving.register_keras_serializable("hydro")
class SumToOne(keras.constraints.Constraint):
    def __init__(self, n=N_REACH):
        self.n = n

    def __call__(self, w):
        s = ops.sum(ops.relu(w), axis=0)
        for j in range(self.n):
            w[:, j] = ops.relu(w[:, j]) / (s[j] + 1e-7)
        return w

    def get_config(self):
        return {"n": self.n}


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((N_GAUGE,))
    out = layers.Dense(
        N_REACH,
        use_bias=False,
        kernel_initializer=keras.initializers.Constant(1.0 / N_GAUGE),
        kernel_constraint=SumToOne(),
        name="blend",
    )(inp)
    model = keras.Model(inp, out)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(n=800, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, N_GAUGE))
    w = rng.dirichlet(np.ones(N_GAUGE) * 0.5, size=N_REACH).T
    y = x @ w + 0.02 * rng.normal(size=(n, N_REACH))
    return x.astype("float32"), y.astype("float32")
