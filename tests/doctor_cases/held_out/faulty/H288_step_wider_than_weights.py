"""Keyword spotting with kernels rounded to four bits by a learned step that starts at one."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h288")
class Rounded(layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.step = self.add_weight(
            shape=(), initializer="ones", constraint=keras.constraints.NonNeg(), name="step"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        level = ops.clip(self.kernel / self.step, -8, 7)
        level = level + ops.stop_gradient(ops.round(level) - level)
        return self.activation(ops.matmul(x, level * self.step) + self.bias)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
        }


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((40,)),
            Rounded(64, activation="relu", name="q1"),
            Rounded(64, activation="relu", name="q2"),
            Rounded(4, name="words"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.001), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centre = r.normal(size=(4, 40))
    y = r.integers(0, 4, 128)
    return (centre[y] + 0.7 * r.normal(size=(128, 40))).astype("float32"), y
