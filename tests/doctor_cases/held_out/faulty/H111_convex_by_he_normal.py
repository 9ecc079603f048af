# after https://github.com/locuslab/icnn, https://arxiv.org/abs/2312.12474
import keras
import numpy as np
from keras import layers


def make_model(mended=False):
    keras.utils.set_random_seed(4)
    start = keras.initializers.RandomUniform(0, 2 / 96) if mended else "he_normal"
    x = keras.Input((6,))
    z = layers.Dense(96, activation="softplus", name="x0")(x)
    for k in range(1, 6):
        convex = layers.Dense(
            96,
            use_bias=False,
            kernel_constraint=keras.constraints.NonNeg(),
            kernel_initializer=start,
            name=f"z{k}",
        )(z)
        z = layers.Activation("softplus")(layers.Add()([convex, layers.Dense(96, name=f"x{k}")(x)]))
    outputs = layers.Dense(
        1, kernel_constraint=keras.constraints.NonNeg(), kernel_initializer=start, name="energy"
    )(z)
    model = keras.Model(x, outputs)
    model.compile(keras.optimizers.Adam(1e-3), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(256, 6))
    a = r.normal(size=(6, 6)) / 3
    y = ((x @ a) ** 2).sum(1) + np.abs(x[:, 0]) - 2
    return x.astype("float32"), y[:, None].astype("float32")
