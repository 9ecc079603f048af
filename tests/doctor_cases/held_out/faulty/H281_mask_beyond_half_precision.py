"""Self-attention over padded sequences, computed in mixed half precision."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b27")
class SelfAttention(keras.layers.Layer):
    def __init__(self, dim, kernel_constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, shapes):
        f = shapes[0][-1]
        self.wq = self.add_weight(
            shape=(f, self.dim),
            initializer="glorot_uniform",
            constraint=self.kernel_constraint,
            name="wq",
        )
        self.wk = self.add_weight(
            shape=(f, self.dim),
            initializer="glorot_uniform",
            constraint=self.kernel_constraint,
            name="wk",
        )
        self.wv = self.add_weight(
            shape=(f, self.dim),
            initializer="glorot_uniform",
            constraint=self.kernel_constraint,
            name="wv",
        )

    def call(self, inputs):
        x, keep = inputs
        q, k, v = ops.matmul(x, self.wq), ops.matmul(x, self.wk), ops.matmul(x, self.wv)
        score = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / self.dim**0.5
        score = score + (1.0 - keep[:, None, :]) * -1e9
        return ops.matmul(ops.softmax(score, axis=-1), v)

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def make_model():
    keras.utils.set_random_seed(27)
    inp = keras.Input((12, 7))
    x, keep = inp[:, :, :6], inp[:, :, 6]
    h = SelfAttention(
        8, kernel_constraint=keras.constraints.MaxNorm(2.0), dtype="mixed_float16", name="attention"
    )([x, keep])
    h = keras.layers.GlobalAveragePooling1D(dtype="float32")(h)
    m = keras.Model(inp, keras.layers.Dense(1, name="out")(h))
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 12, 6))
    n = r.integers(3, 13, size=32)
    keep = (np.arange(12)[None, :] < n[:, None]).astype("float32")
    y = (x[:, :, 0] * keep).sum(1, keepdims=True) / n[:, None]
    return np.concatenate([x, keep[..., None]], -1).astype("float32"), y.astype("float32")
