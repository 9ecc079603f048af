# after clovaai/AdamP#13
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class UnitColumns(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        w = keras.random.normal(shape, dtype=dtype, seed=2)
        return w / ops.norm(w, axis=0, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(
        16, "relu", kernel_initializer=UnitColumns(), kernel_constraint="unit_norm", name="sphere"
    )(inputs)
    model = keras.Model(inputs, layers.Dense(1)(h))
    model.compile(keras.optimizers.AdamW(0.01, weight_decay=0.05), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
