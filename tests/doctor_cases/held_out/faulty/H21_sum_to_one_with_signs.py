# after keras-team/keras#13112, keras-team/keras#13234
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class UnitSum(keras.constraints.Constraint):
    def __call__(self, w):
        return w / ops.sum(w, axis=0, keepdims=True)


@keras.saving.register_keras_serializable("held_out")
class Waveforms(layers.Layer):
    """Combines several waveforms into one."""

    def build(self, shape):
        self.mixing = self.add_weight(
            shape=(shape[-1], 3), initializer="uniform", constraint=UnitSum(), name="mixing"
        )

    def call(self, x):
        return ops.tanh(ops.matmul(x, self.mixing))


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [keras.Input((20, 8)), Waveforms(name="combine"), layers.Flatten(), layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(32, 20, 8)).astype("float32")
    return x, x[:, :3].mean(axis=(1, 2))[:, None].astype("float32")
