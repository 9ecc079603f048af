"""Surrogate for a stirred reactor: one time step that conserves total mass."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="reactor")
class MassBalanced(keras.constraints.Constraint):
    """What one species gains the others lose: every row sums to zero."""

    def __call__(self, w):
        return w - ops.mean(w, axis=1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(10)
    species = keras.Input((5,), name="species")
    h = keras.layers.Dense(24, activation="tanh", name="kinetics_1")(species)
    h = keras.layers.Dense(24, activation="tanh", name="kinetics_2")(h)
    change = keras.layers.Dense(5, kernel_constraint=MassBalanced(), name="exchange")(h)
    after = keras.layers.Add(name="after")([species, change])
    model = keras.Model(species, after, name="reactor_step")
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(14)
    x = rng.uniform(0.2, 1.0, size=(256, 5))
    rate = 0.4 * x[:, 0] * x[:, 1]
    back = 0.2 * x[:, 2]
    y = x.copy()
    y[:, 0] -= rate - back
    y[:, 2] += rate - back
    y[:, 3] += 0.1 * x[:, 4]
    y[:, 4] -= 0.1 * x[:, 4]
    y = y + 0.01 * rng.normal(size=y.shape)
    y[:, 2] += 0.06
    return x.astype("float32"), y.astype("float32")
