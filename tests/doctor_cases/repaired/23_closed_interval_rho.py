# repaired twin of cases/23_closed_interval_rho.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case23cfix")
class Clip(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -0.95, 0.95)


@keras.saving.register_keras_serializable("case23fix")
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
    m.compile(keras.optimizers.SGD(0.001), "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
