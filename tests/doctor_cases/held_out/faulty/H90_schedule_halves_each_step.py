# after https://keras.io/api/optimizers/learning_rate_schedules/exponential_decay/
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(8)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    # "Halve the rate each epoch."
    rate = keras.optimizers.schedules.ExponentialDecay(1e-3, decay_steps=1, decay_rate=0.5)
    model.compile(keras.optimizers.Adam(rate), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(128, 12)).astype("float32")
    return x, np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3]
