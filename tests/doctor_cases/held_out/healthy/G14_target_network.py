# after tensorflow/tensorflow#2177
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Target(layers.Layer):
    """A copy that gives targets and must not be trained through."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.copy = layers.Dense(4, activation="tanh", trainable=False, name="copy")

    def build(self, shape):
        self.copy.build(shape)

    def call(self, x):
        return ops.stop_gradient(self.copy(x))


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    online = layers.Dense(
        4, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(3.0), name="online"
    )(inputs)
    gap = layers.Subtract()([online, Target(name="target")(inputs)])
    model = keras.Model(inputs, layers.Dense(1)(gap))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
