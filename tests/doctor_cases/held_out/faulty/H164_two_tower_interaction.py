# after https://github.com/deel-ai/deel-lip/issues/64
import keras
import numpy as np

FEATURES, RANK, SEED = 16, 8, 42


def make_model():
    keras.utils.set_random_seed(SEED)
    x = keras.Input((FEATURES,), name="features")
    init = keras.initializers.GlorotUniform(seed=SEED)
    left = keras.layers.Dense(
        RANK,
        use_bias=False,
        kernel_initializer=init,
        kernel_constraint=keras.constraints.MaxNorm(4.0, axis=0),
        name="left",
    )(x)
    right = keras.layers.Dense(
        RANK,
        use_bias=False,
        kernel_initializer=init,
        kernel_constraint=keras.constraints.MaxNorm(4.0, axis=0),
        name="right",
    )(x)
    out = keras.layers.Dot(axes=-1, name="interaction")([left, right])
    model = keras.Model(x, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(1500, FEATURES)).astype("float32")
    y = x[:, 0] * x[:, 1] - 0.8 * x[:, 2] * x[:, 3] + 0.6 * (x[:, 4] ** 2 - x[:, 5] ** 2)
    return x, y[:, None].astype("float32")
