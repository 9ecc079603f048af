# after https://monotonic.airt.ai/0.3.0/InDepth/
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    positive = keras.initializers.RandomUniform(0.0, 0.4)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(
                24,
                activation="tanh",
                kernel_initializer=positive,
                kernel_constraint="non_neg",
                name="price_1",
            ),
            layers.Dense(
                12,
                activation="tanh",
                kernel_initializer=positive,
                kernel_constraint="non_neg",
                name="price_2",
            ),
            layers.Dense(
                1, kernel_initializer=positive, kernel_constraint="non_neg", name="demand"
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    price = rng.normal(size=(1000, 3)).astype("float32")
    demand = (
        2.0
        - 1.2 * np.tanh(price[:, 0])
        - 0.5 * price[:, 1]
        - 0.3 * price[:, 2]
        + 0.1 * rng.normal(size=1000)
    )
    return price, demand.astype("float32")[:, None]
