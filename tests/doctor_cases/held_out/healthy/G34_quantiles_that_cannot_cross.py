# after https://arxiv.org/abs/2102.12470
import keras
import numpy as np
from keras import layers, ops

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@keras.saving.register_keras_serializable("noncross")
class Rising(layers.Layer):
    """A first quantile, and positive steps to the next ones."""

    def call(self, x):
        steps = ops.concatenate([x[:, :1], ops.softplus(x[:, 1:])], axis=-1)
        return ops.cumsum(steps, axis=-1)


@keras.saving.register_keras_serializable("noncross")
def pinball(y, quantiles):
    error = y - quantiles
    level = ops.convert_to_tensor(LEVELS, "float32")
    return ops.mean(ops.maximum(level * error, (level - 1) * error))


def make_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(32, activation="silu", kernel_constraint=keras.constraints.MaxNorm(4)),
            layers.Dense(5, kernel_initializer="zeros"),
            Rising(),
        ]
    )
    model.compile(keras.optimizers.Adam(5e-3), pinball)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(128, 8)).astype("float32")
    return x, (x[:, :1] + np.abs(x[:, 1:2]) * rng.normal(size=(128, 1))).astype("float32")
