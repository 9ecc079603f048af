import keras
import numpy as np
from keras import layers, ops


class PWL(layers.Layer):
    """Calibrator: increments between keypoints are not negative."""

    def __init__(self, k=8, **kw):
        super().__init__(**kw)
        self.k = k

    def build(self, s):
        d = s[-1]
        self.h = self.add_weight(
            shape=(self.k - 1, d),
            initializer=keras.initializers.Constant(1 / (self.k - 1)),
            constraint=keras.constraints.NonNeg(),
            name="heights",
        )
        self.b = self.add_weight(shape=(d,), initializer="zeros", name="bias")

    def call(self, x):
        kp = np.linspace(-2, 2, self.k).astype("float32")
        w = ops.clip((ops.expand_dims(x, 1) - kp[:-1, None]) / (kp[1:] - kp[:-1])[:, None], 0, 1)
        return self.b + ops.sum(w * self.h, 1)


def make_model():
    keras.utils.set_random_seed(1)
    i = keras.Input((3,))
    h = PWL()(i)
    o = layers.Dense(
        1,
        kernel_constraint="non_neg",
        kernel_initializer=keras.initializers.RandomUniform(0, 1),
        activation="sigmoid",
    )(h)
    m = keras.Model(i, o)
    m.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return m


def make_batch():
    r = np.random.default_rng(0)
    x = r.uniform(-2, 2, (400, 3))
    p = 1 / (1 + np.exp(-2 * (np.tanh(2 * x[:, 0]) + 0.5 * x[:, 1] + np.maximum(x[:, 2], 0) - 0.5)))
    return x.astype("float32"), (r.random(400) < p).astype("float32")[:, None]
