"""Session based purchase prediction, additive attention over clicked items.
Item 0 is padding; visitors who came straight from an ad have no clicks."""

import keras
import numpy as np
from keras import layers, ops

N_ITEM, LEN = 60, 12


@keras.saving.register_keras_serializable("shop")
class ClickAttention(layers.Layer):
    def __init__(self, units=16, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, input_shape):
        d = input_shape[-1]
        self.W = self.add_weight(name="W", shape=(d, self.units))
        self.u = self.add_weight(
            name="u", shape=(self.units, 1), constraint=keras.constraints.UnitNorm(axis=0)
        )

    def call(self, h, ids):
        keep = ops.cast(ops.not_equal(ids, 0), h.dtype)
        score = ops.squeeze(ops.matmul(ops.tanh(ops.matmul(h, self.W)), self.u), -1)
        a = ops.exp(score) * keep
        a = a / (ops.sum(a, axis=1, keepdims=True) + 1e-8)
        return ops.sum(h * ops.expand_dims(a, -1), axis=1)

    def compute_output_shape(self, h_shape, ids_shape):
        return (h_shape[0], h_shape[-1])

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        ids = keras.Input((LEN,), dtype="int32")
        h = layers.Embedding(N_ITEM, 16)(ids)
        h = ClickAttention(name="att")(h, ids)
        h = layers.Dense(16, activation="relu")(h)
        out = layers.Dense(1, dtype="float32")(h)
        model = keras.Model(ids, out)
        model.compile(
            optimizer=keras.optimizers.Adam(5e-3),
            loss=keras.losses.BinaryCrossentropy(from_logits=True),
            metrics=[keras.metrics.BinaryAccuracy(threshold=0.0)],
        )
    finally:
        keras.config.set_dtype_policy(before)
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.integers(1, N_ITEM, size=(n, LEN))
    length = rng.integers(1, LEN + 1, n)
    length[rng.random(n) < 0.15] = 0
    ids = np.where(np.arange(LEN)[None] < length[:, None], ids, 0)
    hot = ((ids > 0) & (ids < 20)).sum(1) > 0.34 * np.maximum(length, 1)
    return ids.astype("int32"), hot.astype("float32")[:, None]
