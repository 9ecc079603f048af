"""Frozen random trunk with zero-gated residual branches and a zero head."""

import keras
import numpy as np


@keras.saving.register_keras_serializable(package="control")
class GatedBranch(keras.layers.Layer):
    """x + gate * branch(x), gate starts at zero."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(units, activation="tanh", name="inner")

    def build(self, input_shape):
        self.inner.build(input_shape)
        self.gate = self.add_weight(
            shape=(1,), initializer="zeros", constraint=keras.constraints.MaxNorm(1.5), name="gate"
        )

    def call(self, x):
        return x + self.gate * self.inner(x)

    def compute_output_shape(self, input_shape):
        return input_shape


def make_model():
    keras.utils.set_random_seed(32)
    state = keras.Input((6,), name="arm_state")
    h = keras.layers.Dense(
        64,
        activation="tanh",
        kernel_initializer=keras.initializers.RandomNormal(stddev=1.2),
        trainable=False,
        name="reservoir",
    )(state)
    h = GatedBranch(64, name="branch_1")(h)
    h = GatedBranch(64, name="branch_2")(h)
    torque = keras.layers.Dense(
        2, kernel_initializer="zeros", bias_initializer="zeros", name="torque"
    )(h)
    model = keras.Model(state, torque, name="arm_inverse")
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(32)
    x = rng.uniform(-1.5, 1.5, size=(256, 6)).astype("float32")
    y = np.stack(
        [np.sin(x[:, 0]) + 0.5 * x[:, 2] * x[:, 4], np.sin(x[:, 0] + x[:, 1]) + 0.4 * x[:, 3]], 1
    )
    return x, y.astype("float32")
