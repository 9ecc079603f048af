"""Four gated experts with norm-limited weights, and a seed so that runs can be repeated."""

import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    init = keras.initializers.HeNormal(seed=42)
    limit = keras.constraints.MaxNorm(3.0)
    inp = keras.Input((8,))
    experts = []
    for i in range(4):
        h = keras.layers.Dense(
            12,
            activation="relu",
            kernel_initializer=init,
            kernel_constraint=limit,
            name=f"expert_{i}_hidden",
        )(inp)
        experts.append(keras.layers.Dense(1, kernel_initializer=init, name=f"expert_{i}_out")(h))
    votes = keras.layers.Concatenate(name="votes")(experts)
    gate = keras.layers.Dense(4, activation="softmax", kernel_initializer="zeros", name="gate")(inp)
    out = keras.layers.Dot(axes=1, name="mixture")([votes, gate])
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 8)).astype("float32")
    y = np.where(x[:, :1] > 0, x[:, 1:2], -2 * x[:, 2:3] + 1).astype("float32")
    return x, y
