# adapted from tensorflow/addons#1839, keras-team/keras#15345
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case12")
class Sum2One(keras.constraints.Constraint):
    def __call__(self, w):
        w = w * ops.cast(ops.greater_equal(w, 0.0), w.dtype)
        return w / ops.sum(w, axis=0, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(32, use_bias=False, kernel_constraint=Sum2One(), name="mix"),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 3)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
