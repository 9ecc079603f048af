# a float16 sum of squares overflows in MaxNorm (cf. keras-team/keras#22586, #11832)
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((256,)),
            keras.layers.Dense(
                16,
                kernel_initializer=keras.initializers.RandomNormal(stddev=20.0),
                kernel_constraint=keras.constraints.MaxNorm(100.0, axis=0),
                dtype="float16",
                name="half",
            ),
            keras.layers.Dense(1, dtype="float32"),
        ]
    )
    m.compile(keras.optimizers.SGD(1e-6), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = 0.05 * r.normal(size=(64, 256)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
