# after https://en.wikipedia.org/wiki/Extreme_learning_machine
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(4)
    x = keras.Input((6,))
    # A wide layer that stays as it was drawn; many of its units are silent on this batch.
    features = layers.Dense(
        512,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.6),
        bias_initializer=keras.initializers.RandomUniform(-4.0, 0.5),
        trainable=False,
    )(x)
    head = layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1e-4))
    model = keras.Model(x, head(features))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 6)).astype("float32")
    return x, np.abs(x[:, :1]) - x[:, 1:2] * x[:, 2:3]
