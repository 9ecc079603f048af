"""A mean over a long signal by units of one recurrent weight each, held at two to the 1/T."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("g127")
class Within(keras.constraints.Constraint):
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


@keras.saving.register_keras_serializable("g127")
class OneByOne(layers.Layer):
    def __init__(self, units, steps, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units
        self.steps = steps

    def build(self, shape):
        limit = 2.0 ** (1 / self.steps)
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(stddev=0.1),
            name="kernel",
        )
        self.recurrent = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.RandomUniform(0.8, limit),
            constraint=Within(limit),
            name="recurrent",
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x, states):
        h = ops.relu(ops.matmul(x, self.kernel) + states[0] * self.recurrent + self.bias)
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units, "steps": self.steps}


def make_model():
    keras.utils.set_random_seed(46)
    model = keras.Sequential(
        [
            keras.Input((40, 3)),
            layers.RNN(OneByOne(24, 40, name="cell"), name="memory"),
            layers.Dense(1, name="mean"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(64, 40, 3)) + r.uniform(-0.5, 0.5, size=(64, 1, 3))
    return x.astype("float32"), (2 * x[..., :1].mean(axis=1)).astype("float32")
