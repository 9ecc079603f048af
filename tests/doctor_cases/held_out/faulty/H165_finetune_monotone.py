# after https://github.com/keras-team/keras/issues/7628
import keras
import numpy as np

FEATURES = 8


def pretrained_arrays():
    r = np.random.default_rng(11)
    return [
        r.normal(0.0, 0.45, size=(FEATURES, 24)).astype("float32"),
        r.normal(0, 0.1, size=24).astype("float32"),
        r.normal(0.0, 0.3, size=(24, 16)).astype("float32"),
        r.normal(0, 0.1, size=16).astype("float32"),
    ]


def make_model():
    keras.utils.set_random_seed(2)
    base = keras.Sequential(
        [
            keras.Input((FEATURES,), name="customer"),
            keras.layers.Dense(24, activation="tanh", kernel_constraint="non_neg", name="base_1"),
            keras.layers.Dense(16, activation="tanh", kernel_constraint="non_neg", name="base_2"),
        ],
        name="base",
    )
    base.set_weights(pretrained_arrays())
    base.trainable = False
    inp = keras.Input((FEATURES,), name="features")
    h = base(inp)
    h = keras.layers.Dense(
        16,
        activation="tanh",
        kernel_constraint="non_neg",
        kernel_initializer=keras.initializers.RandomUniform(0, 0.3),
        name="top_1",
    )(h)
    out = keras.layers.Dense(
        1,
        kernel_constraint="non_neg",
        kernel_initializer=keras.initializers.RandomUniform(0, 0.3),
        name="score",
    )(h)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(1000, FEATURES)).astype("float32")
    y = np.tanh(x @ np.linspace(0.2, 1.0, FEATURES)) + 0.05 * r.normal(size=1000)
    return x, y[:, None].astype("float32")
