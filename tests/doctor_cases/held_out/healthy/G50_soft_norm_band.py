# a scenario
import keras
import numpy as np
from keras import constraints, layers


def make_model():
    keras.utils.set_random_seed(0)

    def band():
        return constraints.MinMaxNorm(min_value=0.5, max_value=1.0, rate=0.1, axis=0)

    model = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(
                32,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.9),
                kernel_constraint=band(),
                name="hidden_1",
            ),
            layers.Dense(
                32,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.5),
                kernel_constraint=band(),
                name="hidden_2",
            ),
            layers.Dense(1, name="out"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1200, 10)).astype("float32")
    y = np.maximum(x[:, 0], x[:, 1]) + 0.5 * np.abs(x[:, 2]) + 0.05 * rng.normal(size=1200)
    return x, y.astype("float32")[:, None]
