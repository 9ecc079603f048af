# repaired twin of cases/35_maxnorm_conv_axis.py
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
                kernel_constraint=keras.constraints.MaxNorm(1.0, axis=[0, 1, 2]),
                name="conv",
            ),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    m.compile("adam", "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 6, 6, 3)).astype("float32")
    y = (x.mean(axis=(1, 2))[:, :1]).astype("float32")
    return x, y
