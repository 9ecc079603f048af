"""Annual revenue of shops in euro; squared error in euro squared."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="retail")
class AtLeast(keras.constraints.Constraint):
    def __init__(self, low):
        self.low = low

    def __call__(self, w):
        return ops.maximum(w, self.low)

    def get_config(self):
        return {"low": self.low}


def make_model():
    keras.utils.set_random_seed(34)
    shop = keras.Input((5,), name="shop")
    x = keras.layers.Normalization(
        mean=[250.0, 8e4, 3.5e4, 12.0, 0.5], variance=[1e4, 9e8, 1e8, 25.0, 0.08], name="units"
    )(shop)
    h = keras.layers.Dense(24, activation="softplus", name="demand_1")(x)
    h = keras.layers.Dense(
        12,
        activation="softplus",
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.1),
        kernel_constraint=AtLeast(0.0),
        name="demand_2",
    )(h)
    m = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.RandomUniform(0.0, 0.2),
        kernel_constraint=AtLeast(0.0),
        name="millions",
    )(h)
    euro = keras.layers.Rescaling(1e6, name="euro")(m)
    model = keras.Model(shop, euro, name="shop_revenue")
    model.compile(optimizer=keras.optimizers.Adam(2e-2), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(34)
    z = rng.normal(size=(256, 5))
    x = np.array([250.0, 8e4, 3.5e4, 12.0, 0.5]) + z * np.array([100.0, 3e4, 1e4, 5.0, 0.28])
    y = (
        2e6
        + 8e5 * z[:, 0]
        + 5e5 * np.log1p(np.exp(2 * z[:, 1]))
        + 3e5 * z[:, 2]
        + 1e5 * rng.normal(size=256)
    )
    return x.astype("float32"), y[:, None].astype("float32")
