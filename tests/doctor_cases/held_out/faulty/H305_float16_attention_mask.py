# Pooling over padded tokens in mixed precision; some documents are empty.
import keras
import numpy as np
from keras import layers, ops


class MaskedPool(layers.Layer):
    def __init__(self, units, **kw):
        super().__init__(**kw)
        self.score = layers.Dense(1, kernel_constraint=keras.constraints.UnitNorm(), name="score")
        self.proj = layers.Dense(units, activation="tanh", name="proj")

    def call(self, inputs):
        x, mask = inputs
        s = self.score(self.proj(x))
        s = s + (1.0 - mask[..., None]) * -1e9
        return ops.sum(ops.softmax(s, axis=1) * x, axis=1)


def make_model():
    keras.utils.set_random_seed(8)
    tok = keras.Input((12, 16), name="tokens")
    mask = keras.Input((12,), name="mask")
    h = MaskedPool(16, dtype="mixed_float16", name="pool")([tok, mask])
    h = layers.Dense(16, activation="relu", dtype="mixed_float16", name="fc")(h)
    out = layers.Dense(1, activation="sigmoid", dtype="float32", name="out")(h)
    m = keras.Model([tok, mask], out)
    m.compile(keras.optimizers.Adam(0.001), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 12, 16)).astype("float32")
    n = r.integers(1, 13, size=64)
    n[[5, 40]] = 0
    mask = (np.arange(12)[None] < n[:, None]).astype("float32")
    y = (x[:, 0, :1] > 0).astype("float32")
    return [x, mask], y
