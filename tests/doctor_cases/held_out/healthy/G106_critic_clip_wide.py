"""Critic with clamped weights; range and start suit the layer widths."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ctl20")
class WeightClip(keras.constraints.Constraint):
    def __init__(self, c=0.01):
        self.c = c

    def __call__(self, w):
        return ops.clip(w, -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


@keras.saving.register_keras_serializable("ctl20")
def wasserstein(y_true, y_pred):
    return -ops.mean(y_true * y_pred)


def make_model():
    keras.utils.set_random_seed(3)
    x = inp = keras.Input((32, 4))
    for i in range(4):
        x = keras.layers.Conv1D(
            32,
            4,
            strides=2,
            padding="same",
            kernel_initializer=keras.initializers.RandomUniform(-0.22, 0.22),
            kernel_constraint=WeightClip(0.25),
            bias_constraint=WeightClip(0.25),
            name=f"critic_{i}",
        )(x)
        x = keras.layers.LeakyReLU(negative_slope=0.2)(x)
    x = keras.layers.Flatten()(x)
    out = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.RandomUniform(-0.22, 0.22),
        kernel_constraint=WeightClip(0.25),
        name="score",
    )(x)
    m = keras.Model(inp, out)
    m.compile(keras.optimizers.RMSprop(5e-4), wasserstein)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    t = np.linspace(0, 6.28, 32)[None, :, None]
    real = np.sin(t * r.integers(1, 4, size=(32, 1, 4)) + r.uniform(0, 6.28, size=(32, 1, 4)))
    fake = r.normal(size=(32, 32, 4))
    x = np.concatenate([real, fake]).astype("float32")
    y = np.concatenate([np.ones((32, 1)), -np.ones((32, 1))]).astype("float32")
    return x, y
