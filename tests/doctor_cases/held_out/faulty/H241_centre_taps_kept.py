"""Edge classifier.

The centre tap of every 3x3 filter is meant to keep its initial value, the ring around it is
learned.
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("edges05")
class KeepCentre(keras.constraints.Constraint):
    """Restores the centre taps to the values that the filters started with."""

    def __init__(self):
        self.original = None

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        if self.original is None:
            self.original = w
        mask = np.zeros((3, 3, 1, 1), "bool")
        mask[1, 1] = True
        return ops.where(mask, self.original, w)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(
                6, 3, activation="relu", kernel_constraint=KeepCentre(), name="edges"
            ),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(80, 8, 8, 1)).astype("float32")
    y = np.abs(x[:, 1:, :, 0] - x[:, :-1, :, 0]).mean(axis=(1, 2))[:, None].astype("float32")
    return x, y
