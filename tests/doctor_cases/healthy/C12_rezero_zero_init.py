# healthy control
import keras
import numpy as np


@keras.saving.register_keras_serializable("ctl12")
class ReZero(keras.layers.Layer):
    def build(self, s):
        self.alpha = self.add_weight(shape=(), initializer="zeros", name="alpha")
        self.dense = keras.layers.Dense(s[-1], activation="relu")
        self.dense.build(s)

    def call(self, x):
        return x + self.alpha * self.dense(x)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(16, kernel_constraint=keras.constraints.MaxNorm(2.0)),
            ReZero(),
            ReZero(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
