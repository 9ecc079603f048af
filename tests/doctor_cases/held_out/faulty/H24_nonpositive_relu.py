# after keras-team/keras#11842, keras-team/keras#3752
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class NonPositive(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.minimum(w, 0.0)


def make_model():
    keras.utils.set_random_seed(0)
    price = keras.Input((4,), name="price")
    start = keras.initializers.RandomUniform(-0.6, -0.05)
    h = layers.Dense(
        16,
        activation="relu",
        kernel_initializer=start,
        kernel_constraint=NonPositive(),
        name="demand_falls",
    )(price)
    model = keras.Model(price, layers.Dense(1, name="demand")(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).uniform(0.1, 1, size=(64, 4)).astype("float32")
    return x, 2 - x.sum(axis=1, keepdims=True)
