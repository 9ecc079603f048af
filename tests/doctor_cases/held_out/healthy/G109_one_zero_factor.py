"""A low-rank correction of a frozen scoring layer, that starts as exactly that layer."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("ctl22")
class LowRankUpdate(keras.layers.Layer):
    def __init__(self, base, rank=2, **kw):
        super().__init__(**kw)
        self.base, self.rank = base, rank
        self.base.trainable = False

    def build(self, s):
        if not self.base.built:
            self.base.build(s)
        limit = keras.constraints.MaxNorm(2.0)
        self.down = self.add_weight(
            shape=(s[-1], self.rank), initializer="he_normal", constraint=limit, name="down"
        )
        self.up = self.add_weight(
            shape=(self.rank, self.base.units), initializer="zeros", constraint=limit, name="up"
        )

    def call(self, x):
        return self.base(x) + ops.matmul(ops.matmul(x, self.down), self.up)

    def get_config(self):
        return {
            **super().get_config(),
            "base": keras.saving.serialize_keras_object(self.base),
            "rank": self.rank,
        }

    @classmethod
    def from_config(cls, config):
        config["base"] = keras.saving.deserialize_keras_object(config["base"])
        return cls(**config)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), LowRankUpdate(keras.layers.Dense(4), name="adapted")])
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = np.tanh(x[:, :4] - x[:, 4:]).astype("float32")
    return x, y
