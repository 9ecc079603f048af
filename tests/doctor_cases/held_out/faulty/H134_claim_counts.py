# after keras-team/keras#590
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(9)

    def norm():
        return keras.constraints.MaxNorm(2.0)

    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(32, activation="tanh", kernel_constraint=norm(), name="h1"),
            layers.Dense(16, activation="tanh", kernel_constraint=norm(), name="h2"),
            layers.Dense(1, name="rate"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.005), "poisson")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 6))
    rate = np.exp(0.6 * x[:, 0] - 0.4 * x[:, 1] + 0.3)
    return x.astype("float32"), rng.poisson(rate)[:, None].astype("float32")
