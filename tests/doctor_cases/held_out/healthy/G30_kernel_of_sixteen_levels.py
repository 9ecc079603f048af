# after https://arxiv.org/abs/1606.06160
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("levels")
class FourBitDense(layers.Layer):
    """Rounds its kernel to 16 levels, and passes the gradient straight through."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        step = ops.max(ops.abs(self.kernel)) / 7.5
        rounded = (ops.floor(self.kernel / step) + 0.5) * step
        kernel = self.kernel + ops.stop_gradient(rounded - self.kernel)
        return ops.matmul(x, kernel) + self.bias

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(2)
    x = keras.Input((24,))
    h = layers.ReLU(max_value=6.0)(FourBitDense(64)(x))
    h = layers.ReLU(max_value=6.0)(FourBitDense(64)(h))
    model = keras.Model(x, FourBitDense(5)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-3), loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(5, size=64)
    return (rng.normal(size=(64, 24)) + np.eye(5, 24)[label] * 2).astype("float32"), label
