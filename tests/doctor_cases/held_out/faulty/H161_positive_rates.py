# after https://github.com/keras-team/keras-core/issues/566
import keras
import numpy as np
from keras import ops


class DecaySum(keras.layers.Layer):
    """sum_k a_k * exp(-rate_k * t), with rate_k > 0."""

    def __init__(self, terms, **kwargs):
        super().__init__(**kwargs)
        self.terms = terms

    def build(self, input_shape):
        self.raw_rate = self.add_weight(
            shape=(1, self.terms),
            name="raw_rate",
            initializer=keras.initializers.RandomUniform(-1.0, 1.0, seed=2),
        )
        self.amplitude = self.add_weight(
            shape=(self.terms, 1),
            name="amplitude",
            initializer=keras.initializers.Constant(0.5),
            constraint=keras.constraints.NonNeg(),
        )
        self.rate = ops.softplus(self.raw_rate)

    def call(self, t):
        return ops.matmul(ops.exp(-t * self.rate), self.amplitude)


def make_model():
    keras.utils.set_random_seed(0)
    t = keras.Input((1,), name="time")
    model = keras.Model(t, DecaySum(3, name="decay")(t))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    t = r.uniform(0, 4, size=(600, 1))
    y = 1.2 * np.exp(-3.0 * t) + 0.7 * np.exp(-0.15 * t) + 0.005 * r.normal(size=t.shape)
    return t.astype("float32"), y.astype("float32")
