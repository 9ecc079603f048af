# after keras-team/keras#5173, keras-team/keras#9068
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6,))
    h = layers.Dense(
        20,
        activation="relu",
        kernel_initializer="he_uniform",
        bias_initializer=keras.initializers.Constant(-1.5),
        bias_constraint="non_neg",
        name="first",
    )(inputs)
    h = layers.Dense(20, activation="relu", kernel_initializer="he_uniform", name="second")(h)
    model = keras.Model(inputs, layers.Dense(1, name="third")(h))
    model.compile(keras.optimizers.SGD(0.005), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, size=(64, 6)).astype("float32")
    return x, np.sin(2 * x[:, :1]).astype("float32")
