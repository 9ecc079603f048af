# a scenario
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("g03")
class Range(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


class LevelDense(keras.layers.Dense):
    def call(self, x):
        k = ops.convert_to_tensor(self.kernel)
        k = k + ops.stop_gradient(ops.round(k * 4.0) / 4.0 - k)
        return self.activation(ops.matmul(x, k) + self.bias)


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((12,), name="lines"),
            LevelDense(48, activation="relu", kernel_constraint=Range(), name="level_1"),
            LevelDense(24, activation="relu", kernel_constraint=Range(), name="level_2"),
            keras.layers.Dense(1, name="amplifier"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(-1, 1, size=(1500, 12)).astype("float32")
    y = np.abs(x[:, 0] + x[:, 1]) - x[:, 3] * 1.5 + 0.5 * np.maximum(x[:, 7], 0)
    return x, y[:, None].astype("float32")
