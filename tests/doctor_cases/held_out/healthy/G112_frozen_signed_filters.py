"""Edge density: a fixed Sobel bank, then learned non-negative mixing."""

import keras
import numpy as np
from keras import ops


def sobel(shape, dtype=None):
    g = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], "float32") / 8
    return ops.convert_to_tensor(np.stack([g, -g, g.T, -g.T], -1)[:, :, None, :], dtype=dtype)


def make_model():
    keras.utils.set_random_seed(0)
    bank = keras.layers.Conv2D(
        4,
        3,
        use_bias=False,
        activation="relu",
        kernel_initializer=keras.saving.register_keras_serializable("edge08")(sobel),
        kernel_constraint=keras.constraints.MaxNorm(1.0, axis=(0, 1, 2)),
        trainable=False,
        name="sobel",
    )
    m = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            bank,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(
                8,
                activation="relu",
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.6),
                kernel_constraint="non_neg",
                name="mixing",
            ),
            keras.layers.Dense(
                1,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.5),
                kernel_constraint="non_neg",
                name="density",
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8, 8, 1)).astype("float32")
    y = np.abs(x[:, 1:] - x[:, :-1]).mean(axis=(1, 2)) + 0.0
    return x, y.astype("float32")
