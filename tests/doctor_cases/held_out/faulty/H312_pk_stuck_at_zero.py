# One-compartment uptake: c = A * dose * (1 - exp(-k t)), amplitude and rate non-negative.
import keras
import numpy as np
from keras import layers, ops


class Uptake(layers.Layer):
    def build(self, input_shape):
        pos = keras.constraints.NonNeg()
        self.a = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(5.0), constraint=pos, name="a"
        )
        self.k = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(0.5), constraint=pos, name="k"
        )

    def call(self, x):
        dose, t = x[:, :1], x[:, 1:]
        return self.a * dose * (1.0 - ops.exp(-self.k * t))


def make_model():
    keras.utils.set_random_seed(15)
    m = keras.Sequential([keras.Input((2,)), Uptake(name="uptake")])
    m.compile(keras.optimizers.SGD(0.2), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    dose = r.uniform(1, 3, size=(128, 1))
    t = r.uniform(0, 12, size=(128, 1))
    y = 0.5 * dose * (1 - np.exp(-0.3 * t)) + 0.01 * r.normal(size=(128, 1))
    return np.hstack([dose, t]).astype("float32"), y.astype("float32")
