"""Shrinkage of wavelet-like coefficients by a learned soft threshold."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("g140")
class SoftShrink(layers.Layer):
    def build(self, shape):
        self.cutoff = self.add_weight(
            shape=(shape[-1],),
            initializer=keras.initializers.Constant(0.3),
            constraint="non_neg",
            name="cutoff",
        )

    def call(self, x):
        return ops.sign(x) * ops.relu(ops.abs(x) - self.cutoff)


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((24,)),
            layers.Dense(16, name="analysis"),
            SoftShrink(name="shrink"),
            layers.Dense(24, name="synthesis"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    clean = r.normal(size=(128, 3)) @ r.normal(size=(3, 24))
    return (clean + 0.3 * r.normal(size=clean.shape)).astype("float32"), clean.astype("float32")
