# adapted from keras-team/keras#8791, magenta/magenta#1471
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case23c")
class Clip(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


@keras.saving.register_keras_serializable("case23")
class Bivariate(keras.layers.Layer):
    def build(self, s):
        self.rho = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(0.9), constraint=Clip(), name="rho"
        )

    def call(self, x):
        a, b = x[:, :1], x[:, 1:2]
        return (a * a + b * b - 2 * self.rho * a * b) / ops.sqrt(1 - ops.square(self.rho))


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), Bivariate(name="bivariate"), keras.layers.Dense(1)])
    m.compile(keras.optimizers.SGD(0.1), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
