"""Rating model trained on the error of the rounded prediction: only whole stars are shown."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("stars")
def stars_error(y_true, y_pred):
    return ops.mean(ops.square(y_true - ops.round(y_pred)), axis=-1)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(
                32,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(3.0),
                name="dense_1",
            ),
            keras.layers.Dense(
                16,
                activation="relu",
                kernel_constraint=keras.constraints.MaxNorm(3.0),
                name="dense_2",
            ),
            keras.layers.Dense(1, name="stars"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), stars_error)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 10)).astype("float32")
    y = np.clip(np.round(3 + x[:, :1] - 0.7 * x[:, 1:2]), 1, 5).astype("float32")
    return x, y
