"""Dispatch cost of a plant as a convex potential of its set points."""

import keras
import numpy as np


class ConvexCost(keras.Model):
    """Input-convex network: non-negative passage of z, free skip connections of x."""

    def __init__(self, width=24, depth=3, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Dense(width, activation="tanh", name="first")
        self.passes = [
            keras.layers.Dense(
                width,
                use_bias=False,
                kernel_initializer=keras.initializers.RandomUniform(0.0, 2.0 / width),
                kernel_constraint=keras.constraints.NonNeg(),
                name=f"pass_{i}",
            )
            for i in range(depth - 1)
        ]
        self.skips = [keras.layers.Dense(width, name=f"skip_{i}") for i in range(depth - 1)]
        self.act = keras.layers.Activation("tanh", name="act")
        self.cost = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.RandomUniform(0.0, 2.0 / width),
            kernel_constraint=keras.constraints.NonNeg(),
            name="cost",
        )

    def call(self, setpoints):
        z = self.first(setpoints)
        for pass_z, skip_x in zip(self.passes, self.skips, strict=False):
            z = self.act(pass_z(z) + skip_x(setpoints))
        return self.cost(z)


def make_model():
    keras.utils.set_random_seed(13)
    model = ConvexCost(name="convex_cost")
    model.build((None, 2))
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(9)
    x = rng.uniform(-2, 2, size=(256, 2)).astype("float32")
    # fuel curve plus a start-up hump around half load
    y = 0.3 * (x**2).sum(1) + 0.8 * np.exp(-4 * x[:, 0] ** 2) + 0.05 * rng.normal(size=256)
    return x, y[:, None].astype("float32")
