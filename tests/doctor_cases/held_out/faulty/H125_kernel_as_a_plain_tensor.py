# after keras-team/keras#4401
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("H125_kernel_as_a_plain_tensor")
class PositiveDense(layers.Layer):
    def __init__(self, inputs, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)
        self.free = keras.initializers.RandomNormal(-2.0, 0.5, seed=units)((inputs, units))

    def build(self, input_shape):
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return self.activation(ops.matmul(x, ops.softplus(self.free)) + self.bias)


@keras.saving.register_keras_serializable("H125_kernel_as_a_plain_tensor")
class MonotoneNet(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lower = PositiveDense(4, 24, "tanh", name="lower")
        self.upper = PositiveDense(24, 1, name="upper")

    def call(self, x):
        return self.upper(self.lower(x))


def make_model():
    keras.utils.set_random_seed(15)
    model = MonotoneNet()
    model(np.zeros((1, 4), "float32"))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(256, 4))
    y = 3.0 * np.tanh(2 * x[:, :1]) + 0.2 * x[:, 1:2]
    return x.astype("float32"), y.astype("float32")
