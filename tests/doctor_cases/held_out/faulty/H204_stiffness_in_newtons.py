"""Quarter-car suspension: stiffness and damping from measured strut force."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="vehicle")
class PhysicalRange(keras.constraints.Constraint):
    def __init__(self, low, high):
        self.low = low
        self.high = high

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="vehicle")
class Strut(keras.layers.Layer):
    """Force in newton from travel in metre and speed in metre per second."""

    def build(self, input_shape):
        self.stiffness = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(12000.0),
            constraint=PhysicalRange(5e3, 5e4),
            name="stiffness",
        )
        self.damping = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(600.0),
            constraint=PhysicalRange(1e2, 5e3),
            name="damping",
        )

    def call(self, state):
        travel, speed = state[..., :1], state[..., 1:]
        return self.stiffness * travel + self.damping * speed

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)


def make_model():
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [keras.Input((2,), name="travel_and_speed"), Strut(name="strut")], name="quarter_car"
    )
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse", metrics=["mae"])
    return model


def make_batch():
    rng = np.random.default_rng(11)
    travel = 0.04 * rng.normal(size=(256, 1))
    speed = 0.4 * rng.normal(size=(256, 1))
    force = 21500.0 * travel + 1450.0 * speed + 15.0 * rng.normal(size=(256, 1))
    return np.concatenate([travel, speed], 1).astype("float32"), force.astype("float32")
