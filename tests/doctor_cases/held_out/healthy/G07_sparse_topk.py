# after keras-team/keras#7859
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class LargestInEachColumn(keras.constraints.Constraint):
    """Keeps the k largest weights of each unit and sets the others to zero."""

    def __init__(self, k):
        self.k = k

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        size = ops.sort(ops.abs(w), axis=0)
        return w * ops.cast(ops.abs(w) >= size[-self.k], w.dtype)

    def get_config(self):
        return {"k": self.k}


@keras.saving.register_keras_serializable("held_out")
class SparseStart(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        w = keras.random.normal(shape, stddev=0.6, dtype=dtype, seed=5)
        return LargestInEachColumn(4)(w)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12,))
    h = layers.Dense(
        16,
        activation="leaky_relu",
        kernel_initializer=SparseStart(),
        kernel_constraint=LargestInEachColumn(4),
        name="sparse",
    )(inputs)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.Adam(0.005), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 12)).astype("float32")
    return x, (x[:, :1] - x[:, 5:6]).astype("float32")
