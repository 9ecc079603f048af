# adapted from tensorflow/tensorflow#39009
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case02")
class RowsSumToOne(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(ops.convert_to_tensor(w), 0.0)
        s = ops.sum(w, axis=1)
        for i in range(w.shape[0]):
            w[i] = w[i] / s[i]
        return w


def make_model():
    keras.utils.set_random_seed(1)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(4, use_bias=False, kernel_constraint=RowsSumToOne(), name="mix"),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
