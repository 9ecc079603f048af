"""Sum of a long signal by a memory whose units each have one recurrent weight, clipped at 1.5."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h289")
class Clip(keras.constraints.Constraint):
    def __init__(self, limit):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


@keras.saving.register_keras_serializable("h289")
class Independent(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = self.output_size = units

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )
        self.recurrent = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.RandomUniform(0.0, 1.5),
            constraint=Clip(1.5),
            name="recurrent",
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x, states):
        h = ops.relu(ops.matmul(x, self.kernel) + states[0] * self.recurrent + self.bias)
        return h, [h]

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(27)
    model = keras.Sequential(
        [
            keras.Input((80, 2)),
            layers.RNN(Independent(24, name="cell"), name="memory"),
            layers.Dense(1, name="total"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.001), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(48, 80, 2)).astype("float32")
    return x, (x[..., :1].mean(axis=1) * 4).astype("float32")
