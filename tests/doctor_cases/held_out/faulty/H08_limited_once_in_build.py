# after amrzhd/EEGNet#3
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("held_out")
class LimitedDense(layers.Dense):
    """Max-norm is applied to the fresh kernel, and to nothing that training makes of it."""

    def __init__(self, units, limit, **kwargs):
        super().__init__(units, **kwargs)
        self.limit = keras.constraints.get(limit)

    def build(self, shape):
        super().build(shape)
        self.kernel.assign(self.limit(self.kernel))

    def get_config(self):
        limit = keras.constraints.serialize(self.limit)
        return {**super().get_config(), "limit": limit}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(16, activation="elu"),
            LimitedDense(1, keras.constraints.MaxNorm(0.25), name="classifier"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
