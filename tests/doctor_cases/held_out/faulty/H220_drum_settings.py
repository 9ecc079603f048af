# after published code: the settings of a synthesizer from its sound
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    start = keras.initializers.RandomUniform(0.0, 0.05)
    model = keras.Sequential(
        [
            keras.Input((24, 32)),
            layers.Conv1D(16, 5, padding="same", activation="relu"),
            layers.AveragePooling1D(2),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(
                5,
                kernel_initializer=start,
                kernel_constraint="non_neg",
                bias_constraint="non_neg",
                name="settings",
            ),
            layers.Activation("sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.002), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    y = rng.uniform(0, 1, (128, 5))
    t, f = np.arange(32) / 32, np.arange(24)[:, None] / 24
    x = [
        np.exp(-t * 5 * p[0]) * np.exp(-((f - p[1]) ** 2) / (0.02 + 0.1 * p[2])) * (0.5 + p[3])
        + 0.3 * p[4]
        for p in y
    ]
    return np.stack(x).astype("float32"), y.astype("float32")
