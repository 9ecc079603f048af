"""Copy memory: one Newton-Schulz step towards the orthogonal matrices after every update."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("copy01")
class NearOrthogonal(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return 1.5 * w - 0.5 * ops.matmul(w, ops.matmul(ops.transpose(w), w))


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((12, 3))
    h = keras.layers.SimpleRNN(
        16, recurrent_initializer="orthogonal", recurrent_constraint=NearOrthogonal(), name="memory"
    )(inp)
    m = keras.Model(inp, keras.layers.Dense(1, name="out")(h))
    m.compile(keras.optimizers.Adam(0.005), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(48, 12, 3)).astype("float32")
    return x, (0.5 * x[:, -4, :1] - 0.5 * x[:, -1, 1:2]).astype("float32")
