# after https://github.com/Bihaqo/t3f/issues/176
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("chip")
class Conductance(keras.constraints.Constraint):
    def __init__(self, g_max=1.0):
        self.g_max = g_max

    def __call__(self, w):
        return ops.clip(ops.convert_to_tensor(w), -self.g_max, self.g_max)


def design():
    small = keras.initializers.RandomUniform(-0.2, 0.2)
    return keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(
                40,
                activation="tanh",
                kernel_initializer=small,
                kernel_constraint=Conductance(0.25),
                name="array_1",
            ),
            layers.Dense(
                40,
                activation="tanh",
                kernel_initializer=small,
                kernel_constraint=Conductance(0.25),
                name="array_2",
            ),
            layers.Dense(
                1, kernel_initializer=small, kernel_constraint=Conductance(0.25), name="adc"
            ),
        ],
        name="design",
    )


def make_model():
    keras.utils.set_random_seed(0)
    chip = keras.models.clone_model(design())
    chip.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return chip


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1000, 12)).astype("float32")
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.05 * rng.normal(size=1000)
    return x, y.astype("float32")[:, None]
