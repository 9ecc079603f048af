# adapted from vlawhern/arl-eegmodels#1 and #4, keras-team/keras#474, #3628
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(
                16,
                3,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.5),
                kernel_constraint=keras.constraints.MaxNorm(1.0, axis=0),
                name="conv",
            ),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    m.compile("adam", "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 6, 6, 3)).astype("float32")
    y = (x.mean(axis=(1, 2))[:, :1]).astype("float32")
    return x, y
