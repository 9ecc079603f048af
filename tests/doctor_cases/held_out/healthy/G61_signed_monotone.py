import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("mono")
class NonPos(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.minimum(w, 0.0)


def make_model():
    keras.utils.set_random_seed(32)
    uniform = keras.initializers.RandomUniform
    nonneg = keras.constraints.NonNeg
    rising = keras.Input((3,), name="income_age_tenure")
    falling = keras.Input((2,), name="debt_defaults")
    h = keras.layers.Concatenate()(
        [
            keras.layers.Dense(
                12,
                activation="tanh",
                kernel_constraint=nonneg(),
                kernel_initializer=uniform(0.0, 0.8, seed=1),
                bias_initializer=uniform(-1, 1, seed=7),
            )(rising),
            keras.layers.Dense(
                12,
                activation="tanh",
                kernel_constraint=NonPos(),
                kernel_initializer=uniform(-0.8, 0.0, seed=2),
                bias_initializer=uniform(-1, 1, seed=8),
            )(falling),
        ]
    )
    h = keras.layers.Dense(
        8,
        activation="tanh",
        kernel_constraint=nonneg(),
        kernel_initializer=uniform(0.0, 0.2, seed=3),
    )(h)
    y = keras.layers.Dense(
        1, kernel_constraint=nonneg(), kernel_initializer=uniform(0.0, 0.5, seed=4)
    )(h)
    model = keras.Model([rising, falling], y)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(52)
    a, b = rng.normal(size=(400, 3)), rng.normal(size=(400, 2))
    y = np.tanh(a[:, 0] + 0.5 * a[:, 1]) + 0.4 * np.exp(0.4 * a[:, 2])
    y = y - 0.8 * np.tanh(1.5 * b[:, 0]) - 0.3 * b[:, 1] + 0.05 * rng.normal(size=400)
    y = y - y.mean()
    return (a.astype("float32"), b.astype("float32")), y.astype("float32")[:, None]
