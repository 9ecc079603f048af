# after https://github.com/keras-team/keras/issues/9068
import keras
import numpy as np
from keras import layers


def _old_network_weights():
    rng = np.random.default_rng(11)
    return [rng.normal(scale=0.6, size=(4, 24)).astype("float32"), np.zeros(24, "float32")]


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(
                24,
                activation="tanh",
                kernel_constraint=keras.constraints.NonNeg(),
                name="dose_features",
            ),
            layers.Dense(
                12,
                activation="tanh",
                kernel_constraint=keras.constraints.NonNeg(),
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                name="effect",
            ),
            layers.Dense(
                1,
                kernel_constraint=keras.constraints.NonNeg(),
                kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
                name="response",
            ),
        ]
    )
    model.get_layer("dose_features").set_weights(_old_network_weights())
    model.get_layer("dose_features").trainable = False
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(1000, 4)).astype("float32")
    y = (
        np.tanh(1.5 * x[:, 0] + x[:, 1])
        + 0.15 * x[:, 2]
        + 0.03 * x[:, 3]
        + 0.2 * rng.normal(size=1000)
    )
    return x, y.astype("float32")[:, None]
