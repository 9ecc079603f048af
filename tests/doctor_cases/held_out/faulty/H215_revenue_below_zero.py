"""Revenue of the next three months per hospital. No input and no target is negative."""

import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(2)
    h = keras.Input((1,), dtype="int32", name="hospital")
    f = keras.Input((10,), name="features")
    e = layers.Flatten()(layers.Embedding(40, 4, name="embedding_hospital")(h))
    e = layers.Dropout(0.1)(e)
    x = layers.Concatenate()([e, f])
    x = layers.Dense(32, kernel_initializer="glorot_normal", name="layer_1")(x)
    x = layers.LeakyReLU(negative_slope=0.3)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(16, kernel_initializer="glorot_normal", name="layer_2")(x)
    x = layers.LeakyReLU(negative_slope=0.3)(x)
    x = layers.BatchNormalization()(x)
    out = layers.Dense(
        3,
        kernel_constraint=keras.constraints.NonNeg(),
        bias_constraint=keras.constraints.NonNeg(),
        name="revenue",
    )(x)
    model = keras.Model({"hospital": h, "features": f}, out)
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
    return model


def make_batch():
    rng = np.random.default_rng(7)
    n = 2000
    h = rng.integers(0, 40, n)
    f = rng.random((n, 10))
    size = rng.gamma(1.0, 1.0, 40)
    base = size[h] * np.exp(1.2 * f[:, 0] - 0.8 * f[:, 1])
    y = base[:, None] * rng.gamma(2.0, 0.5, (n, 3)) * (rng.random((n, 3)) < 0.5 + 0.4 * f[:, 2:3])
    return {"hospital": h[:, None].astype("int32"), "features": f.astype("float32")}, y.astype(
        "float32"
    )
