# repaired twin of cases/18_normalize_zero_vector.py
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case18fix")
class Cosine(keras.layers.Layer):
    def build(self, s):
        self.c = self.add_weight(shape=(s[-1], 4), initializer="glorot_uniform", name="centres")

    def call(self, x):
        return ops.matmul(x, ops.normalize(self.c, axis=0))


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), Cosine(name="cosine"), keras.layers.Dense(1)])
    m.compile("adam", "mse")
    for v in m.variables:  # start feasible
        if getattr(v, "constraint", None) is not None:
            v.assign(v.constraint(v))
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
