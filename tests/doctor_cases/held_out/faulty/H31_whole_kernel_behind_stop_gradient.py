# after keras-team/keras#1845, tensorflow/tensorflow#14070
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class WeightNormDense(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.v = self.add_weight(
            shape=(shape[-1], self.units), initializer="orthogonal", name="direction"
        )
        self.g = self.add_weight(
            shape=(self.units,), initializer="ones", constraint="non_neg", name="gain"
        )

    def call(self, x):
        length = ops.sqrt(ops.sum(ops.square(self.v), axis=0) + 1e-12)
        return ops.tanh(ops.matmul(x, self.g * ops.stop_gradient(self.v / length)))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            WeightNormDense(8, name="wn_1"),
            WeightNormDense(4, name="wn_2"),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
