# after guevara/read-it-later#10754, https://arxiv.org/abs/1803.01719
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = inputs
    for depth in range(14):
        h = layers.Dense(
            16,
            activation="tanh",
            kernel_initializer=keras.initializers.VarianceScaling(0.06, "fan_in"),
            kernel_constraint=keras.constraints.MaxNorm(0.3),
            name=f"stage_{depth}",
        )(h)
    model = keras.Model(inputs, layers.Dense(1, name="end")(h))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
