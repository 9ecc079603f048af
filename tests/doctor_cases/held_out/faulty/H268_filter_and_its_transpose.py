"""Edge detector with a symmetric 3x3 filter, to be learned from filtered images."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b03")
class Symmetric(keras.constraints.Constraint):
    def __call__(self, w):
        return 0.5 * (w + ops.transpose(w))


def make_model():
    keras.utils.set_random_seed(3)
    m = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            keras.layers.Conv2D(
                1, (3, 3), padding="same", kernel_constraint=Symmetric(), name="conv"
            ),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 16, 16, 1)).astype("float32")
    p = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    y = p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:] - 4 * x
    return x, y.astype("float32")
