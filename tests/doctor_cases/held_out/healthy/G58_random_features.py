# a scenario
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(4)
    inp = keras.Input((4,), name="point")
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                256,
                activation="relu",
                trainable=False,
                name="features_1",
                kernel_initializer="random_normal",
                bias_initializer=keras.initializers.RandomUniform(-1, 1),
                kernel_constraint=keras.constraints.MinMaxNorm(0.0, 5.0, axis=0),
            ),
        ],
        name="features",
    )
    base.layers[0].set_weights(
        [
            np.random.default_rng(5).normal(size=(4, 256)) * 0.8,
            np.random.default_rng(6).uniform(-1, 1, size=256),
        ]
    )
    h = base(inp)
    out = keras.layers.Dense(
        1,
        name="positive_mix",
        kernel_constraint="non_neg",
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.02),
    )(h)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(3e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(1500, 4)).astype("float32")
    y = np.abs(x[:, 0] + 0.5 * x[:, 1]) + np.maximum(x[:, 2] - 0.2, 0) + 0.5 * x[:, 3] ** 2
    return x, y[:, None].astype("float32")
