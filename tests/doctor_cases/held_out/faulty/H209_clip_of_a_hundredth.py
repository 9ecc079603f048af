"""Critic of a generative model for jet images, weights clipped."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="jets")
class WeightClip(keras.constraints.Constraint):
    def __init__(self, c=0.01):
        self.c = c

    def __call__(self, w):
        return ops.clip(w, -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


def make_model():
    keras.utils.set_random_seed(12)
    clip = WeightClip(0.01)
    model = keras.Sequential(name="jet_critic")
    model.add(keras.Input((8, 8, 1), name="jet"))
    for i, width in enumerate((16, 32, 32)):
        model.add(
            keras.layers.Conv2D(
                width,
                3,
                strides=2,
                padding="same",
                kernel_constraint=clip,
                bias_constraint=clip,
                name=f"critic_{i}",
            )
        )
        model.add(keras.layers.LeakyReLU(negative_slope=0.2, name=f"leak_{i}"))
    model.add(keras.layers.Flatten(name="flat"))
    model.add(keras.layers.Dense(1, kernel_constraint=clip, bias_constraint=clip, name="realness"))
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="hinge")
    return model


def make_batch():
    rng = np.random.default_rng(16)
    g = np.stack(np.meshgrid(np.arange(8), np.arange(8)), -1)
    n = 192
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    centre = rng.uniform(2, 5, size=(n, 1, 1, 2))
    width = np.where(y > 0, 0.8, 2.0)[:, None, None]
    x = np.exp(-((g[None] - centre) ** 2).sum(-1) / (2 * width**2))
    x = x + 0.05 * rng.normal(size=x.shape)
    return x[..., None].astype("float32"), y[:, None].astype("float32")
