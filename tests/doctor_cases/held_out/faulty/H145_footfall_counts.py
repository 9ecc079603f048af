# after https://codepudding.com/database/311293.html
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(32, activation="tanh", name="hour_features"),
            layers.Dense(
                1,
                kernel_constraint=keras.constraints.NonNeg(),
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.3),
                name="visitors",
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="poisson")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1500, 8)).astype("float32")
    rate = np.exp(0.9 + 0.5 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * np.sin(x[:, 2]))
    return x, rng.poisson(rate).astype("float32")[:, None]
