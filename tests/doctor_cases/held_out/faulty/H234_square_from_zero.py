"""Drug clearance. Estimate volume and elimination rate of a two-input
one-compartment model from plasma samples; the rate cannot be negative."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pk")
class OneCompartment(layers.Layer):
    def build(self, input_shape):
        self.inv_volume = self.add_weight(
            name="inv_volume", shape=(), initializer="ones", constraint=keras.constraints.NonNeg()
        )
        self.root_rate = self.add_weight(name="root_rate", shape=(), initializer="zeros")

    def call(self, x):
        dose, t = x[:, :1], x[:, 1:2]
        rate = ops.square(self.root_rate)
        return dose * self.inv_volume * ops.exp(-rate * t)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), OneCompartment(name="pk")])
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(n=600, seed=0):
    rng = np.random.default_rng(seed)
    dose = rng.uniform(1, 3, n)
    t = rng.uniform(0, 6, n)
    y = dose * 0.7 * np.exp(-0.45 * t) * np.exp(0.02 * rng.normal(size=n))
    return (np.stack([dose, t], 1).astype("float32"), y.astype("float32")[:, None])
