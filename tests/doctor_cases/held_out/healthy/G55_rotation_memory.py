# a scenario
import keras
import numpy as np
from keras import ops

STEPS = 20


@keras.saving.register_keras_serializable("g01")
class Orthonormal(keras.constraints.Constraint):
    def __call__(self, w):
        q, r = ops.qr(w)
        return q * ops.where(ops.diagonal(r) < 0, -1.0, 1.0)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((STEPS, 3), name="series"),
            keras.layers.SimpleRNN(
                24,
                recurrent_initializer="orthogonal",
                recurrent_constraint=Orthonormal(),
                name="memory",
            ),
            keras.layers.Dense(1, name="readout"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3, clipnorm=1.0), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(800, STEPS, 3)).astype("float32")
    y = 0.5 * x[:, -1, 0] + 0.5 * x[:, -3, 1] - 0.4 * x[:, -6, 2]
    return x, y[:, None].astype("float32")
