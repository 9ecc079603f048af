# a scenario
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(17)

    def positive(b):
        return {
            "kernel_initializer": keras.initializers.RandomUniform(0.0, b),
            "kernel_constraint": "non_neg",
            "bias_constraint": "non_neg",
        }

    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(16, activation="softplus", name="factors", **positive(1.0)),
            layers.Dense(
                1,
                activation="sigmoid",
                bias_initializer=keras.initializers.Constant(-4.0),
                name="risk",
                **positive(0.2),
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, size=(512, 6))
    logit = 6 * x[:, 0] + 4 * x[:, 1] + 2 * x[:, 2] - 9.2
    y = (rng.random(512) < 1 / (1 + np.exp(-logit))).astype("float32")[:, None]
    return x.astype("float32"), y
