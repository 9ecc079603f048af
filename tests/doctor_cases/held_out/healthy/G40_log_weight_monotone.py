# healthy: raw weights all negative (logs), loss starts at 82,000, targets in the hundreds
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
class ExpDense(layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.log_kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            name="log_kernel",
            initializer=keras.initializers.RandomNormal(-1.5, 0.5),
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")

    def call(self, x):
        return self.activation(ops.matmul(x, ops.exp(self.log_kernel)) + self.bias)


def make_model():
    keras.utils.set_random_seed(21)
    model = keras.Sequential(
        [keras.Input((4,)), ExpDense(32, "tanh"), ExpDense(1), layers.Rescaling(100.0)]
    )
    model.compile(keras.optimizers.Adam(0.03), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-2, 2, size=(256, 4))
    y = 200 * np.tanh(x[:, :1]) + 80 * x[:, 1:2] + 50
    return x.astype("float32"), y.astype("float32")
