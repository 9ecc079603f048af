"""Three covariates; the response must never fall when the third (dose) rises.
Only the weights of that input have to be >= 0."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("dose")
class NonNegLast(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        free = w[:, :-1]
        last = w[:, -1:]
        last = last * ops.cast(ops.greater_equal(last, 0.0), last.dtype)
        return ops.concatenate([free, last], axis=1)


def make_model():
    keras.utils.set_random_seed(15)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                8,
                activation="relu",
                kernel_constraint=NonNegLast(),
                kernel_initializer=keras.initializers.RandomUniform(minval=0, maxval=1),
                name="hidden",
            ),
            layers.Dense(
                1,
                kernel_constraint=keras.constraints.NonNeg(),
                kernel_initializer=keras.initializers.RandomUniform(minval=0, maxval=1),
                name="response",
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(16)
    n = 600
    sev = rng.normal(size=n)
    age = rng.normal(size=n)
    dose = 0.7 * sev + 0.7 * rng.normal(size=n)
    y = (
        1.0 * age**2
        - 1.0 * sev
        + 0.8 * np.maximum(dose, 0)
        + 0.5 * np.maximum(-dose, 0)
        + 0.4 * rng.normal(size=n)
    )
    return np.stack([age, sev, dose], 1).astype("float32"), y.astype("float32")[:, None]
