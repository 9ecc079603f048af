# after locuslab/icnn#8, Drenderer/klax/pull/29
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(10)

    def small():
        return keras.initializers.RandomUniform(0.0, 0.1)

    x = keras.Input((3,))

    def from_input(units, name):
        return layers.Dense(
            units,
            kernel_constraint="non_neg",
            kernel_initializer=keras.initializers.RandomUniform(0.0, 0.6),
            name=name,
        )

    def from_hidden(units, name):
        return layers.Dense(
            units,
            use_bias=False,
            kernel_constraint="non_neg",
            kernel_initializer=small(),
            name=name,
        )

    z = layers.Activation("softplus")(from_input(32, "wx_0")(x))
    z = layers.Activation("softplus")(
        layers.Add()([from_hidden(32, "wz_1")(z), from_input(32, "wx_1")(x)])
    )
    out = layers.Add()([from_hidden(1, "wz_2")(z), from_input(1, "wx_2")(x)])
    model = keras.Model(x, out)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    a = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 1.5]])
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1.5, 1.5, size=(256, 3))
    y = np.einsum("ni,ij,nj->n", x, a, x)[:, None]
    return x.astype("float32"), y.astype("float32")
