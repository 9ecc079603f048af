"""Graph attention over a power grid, computed in half precision."""

import keras
import numpy as np
from keras import ops

N_BUS = 10


@keras.saving.register_keras_serializable(package="grid")
class BusAttention(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.project = keras.layers.Dense(
            units, use_bias=False, dtype=self.dtype_policy, name="project"
        )

    def build(self, input_shape):
        self.project.build(input_shape[0])
        self.a_src = self.add_weight(
            shape=(self.units, 1), constraint=keras.constraints.MaxNorm(2.0), name="a_src"
        )
        self.a_dst = self.add_weight(
            shape=(self.units, 1), constraint=keras.constraints.MaxNorm(2.0), name="a_dst"
        )
        self.barrier = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(1e9),
            trainable=False,
            name="barrier",
        )

    def call(self, inputs):
        buses, lines = inputs
        h = self.project(buses)
        score = ops.matmul(h, self.a_src) + ops.swapaxes(ops.matmul(h, self.a_dst), 1, 2)
        score = ops.leaky_relu(score, 0.2) - (1.0 - lines) * self.barrier
        return ops.matmul(ops.softmax(score, axis=-1), h)

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(9)
    buses = keras.Input((N_BUS, 3), name="buses")
    lines = keras.Input((N_BUS, N_BUS), name="lines")
    h = BusAttention(16, dtype="mixed_float16", name="attend_1")([buses, lines])
    h = keras.layers.Activation("elu", name="act_1")(h)
    h = BusAttention(16, dtype="mixed_float16", name="attend_2")([h, lines])
    load = keras.layers.Dense(1, name="voltage")(keras.layers.Concatenate(name="skip")([h, buses]))
    model = keras.Model([buses, lines], load, name="grid_gat")
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(7)
    adj = np.eye(N_BUS)
    for i in range(N_BUS):
        adj[i, (i + 1) % N_BUS] = adj[(i + 1) % N_BUS, i] = 1
    lines = np.tile(adj, (64, 1, 1)).astype("float32")
    buses = rng.normal(size=(64, N_BUS, 3)).astype("float32")
    mean = lines @ buses / lines.sum(-1, keepdims=True)
    y = mean[..., :1] - 0.5 * buses[..., 1:2]
    return [buses, lines], y.astype("float32")
