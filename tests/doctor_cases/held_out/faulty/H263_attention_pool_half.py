"""Text classifier: attention pooling over padded tokens, layers in mixed precision for speed."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("attnpool")
class AttentionPool(keras.layers.Layer):
    def __init__(self, units=16, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, shape):
        d = shape[0][-1]
        self.w = self.add_weight(
            shape=(d, self.units),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(2.0),
            name="w",
        )
        self.v = self.add_weight(shape=(self.units, 1), initializer="glorot_uniform", name="v")

    def call(self, inputs):
        h, ids = inputs
        score = ops.matmul(ops.tanh(ops.matmul(h, self.w)), self.v)
        mask = ops.cast(ops.not_equal(ids, 0), h.dtype)[:, :, None]
        score = score + (1.0 - mask) * -1e9
        return ops.sum(ops.softmax(score, axis=1) * h, axis=1)

    def compute_output_shape(self, shape):
        return (shape[0][0], shape[0][-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(0)
    ids = keras.Input((12,), dtype="int32")
    h = keras.layers.Embedding(60, 16, dtype="mixed_float16", name="tokens")(ids)
    p = AttentionPool(16, dtype="mixed_float16", name="pool")([h, ids])
    out = keras.layers.Dense(1, activation="sigmoid", dtype="float32", name="out")(p)
    m = keras.Model(ids, out)
    m.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 2, size=(64, 1)).astype("float32")
    x = r.integers(10, 60, size=(64, 12)).astype("int32")
    x[:, :2] = np.where(y > 0, r.integers(1, 5, size=(64, 2)), r.integers(5, 10, size=(64, 2)))
    length = r.integers(4, 13, size=64)
    x[np.arange(12)[None] >= length[:, None]] = 0
    return x, y
