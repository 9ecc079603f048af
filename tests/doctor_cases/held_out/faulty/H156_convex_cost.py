# after https://github.com/locuslab/icnn/issues/8
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("icnn")
class ConvexBlock(layers.Layer):
    def __init__(self, units, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        small = keras.initializers.RandomUniform(0.0, 0.1)
        self.from_hidden = layers.Dense(
            units, use_bias=False, kernel_initializer=small, name="from_hidden"
        )
        self.from_input = layers.Dense(
            units, kernel_constraint=keras.constraints.NonNeg(), name="from_input"
        )

    def build(self, input_shape):
        z_shape, x_shape = input_shape
        self.from_hidden.build(z_shape)
        self.from_input.build(x_shape)

    def call(self, inputs):
        z, x = inputs
        return self.activation(self.from_hidden(z) + self.from_input(x))


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((3,))
    z = layers.Dense(32, activation="relu", name="first")(x)
    z = ConvexBlock(32, name="convex_1")([z, x])
    cost = ConvexBlock(1, activation="linear", name="cost")([z, x])
    model = keras.Model(x, cost)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(1000, 3))
    y = (
        np.abs(x[:, 0] - 0.2)
        + x[:, 1] ** 2
        - 0.8 * x[:, 2]
        + 0.4 * np.sin(5 * x[:, 1])
        + 0.1 * rng.normal(size=1000)
    )
    return x.astype("float32"), y.astype("float32")[:, None]
