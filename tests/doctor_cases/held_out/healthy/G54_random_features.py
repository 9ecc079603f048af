# a scenario
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("randfeat")
def unit_columns(shape, dtype=None):
    w = keras.random.normal(shape, dtype=dtype, seed=3)
    return w / keras.ops.norm(w, axis=0, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(
                300,
                activation="relu",
                kernel_initializer=unit_columns,
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                trainable=False,
                name="random_features",
            ),
            layers.Dense(
                1, kernel_initializer="zeros", kernel_constraint="non_neg", name="readout"
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, 5)).astype("float32")
    y = np.abs(x[:, 0]) + 0.7 * np.maximum(x[:, 1] + x[:, 2], 0) + 0.05 * rng.normal(size=1000)
    return x, y.astype("float32")[:, None]
