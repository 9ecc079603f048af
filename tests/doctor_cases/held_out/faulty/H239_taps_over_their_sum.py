"""Image-forensics front end: filters whose centre is -1, and whose other taps sum to one."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("blind40")
class PredictionError(keras.constraints.Constraint):
    def __call__(self, w):
        k = w.shape[0]
        centre = np.zeros((k, k, 1, 1), "float32")
        centre[k // 2, k // 2] = 1.0
        w, centre = ops.convert_to_tensor(w), ops.convert_to_tensor(centre)
        w = w * (1.0 - centre)
        w = w / ops.sum(w, axis=(0, 1), keepdims=True)
        return w - centre


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(
                32, 5, use_bias=False, kernel_constraint=PredictionError(), name="residual"
            ),
            keras.layers.Conv2D(8, 3, activation="relu", name="conv"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(1, name="head"),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(32, 12, 12, 1)).astype("float32")
    y = np.zeros((32, 1), "float32")
    y[::2] = 1.0
    x[::2] = 0.5 * x[::2] + 0.5 * np.roll(x[::2], 1, axis=1)
    return x, y
