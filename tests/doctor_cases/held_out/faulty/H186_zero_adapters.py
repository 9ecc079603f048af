import keras
import numpy as np
from keras import ops

WIDTH, RANK = 24, 4


@keras.saving.register_keras_serializable("adapters")
class LowRankDense(keras.layers.Layer):
    """Frozen dense layer plus a trainable low rank correction."""

    def __init__(self, units, rank, seed, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rank, self.seed = units, rank, seed

    def build(self, input_shape):
        n = input_shape[-1]
        self.base = self.add_weight(
            name="base",
            shape=(n, self.units),
            trainable=False,
            initializer=keras.initializers.GlorotNormal(seed=self.seed),
        )
        self.down = self.add_weight(
            name="down",
            shape=(n, self.rank),
            initializer="zeros",
            constraint=keras.constraints.MaxNorm(2.0),
        )
        self.up = self.add_weight(name="up", shape=(self.rank, self.units), initializer="zeros")
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, x):
        delta = ops.matmul(ops.matmul(x, self.down), self.up)
        return ops.tanh(ops.matmul(x, self.base) + delta + self.bias)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "rank": self.rank, "seed": self.seed}


def make_model():
    keras.utils.set_random_seed(15)
    x = keras.Input((16,))
    h = LowRankDense(WIDTH, RANK, seed=100, name="block1")(x)
    h = LowRankDense(WIDTH, RANK, seed=101, name="block2")(h)
    y = keras.layers.Dense(
        3, trainable=False, name="head", kernel_initializer=keras.initializers.GlorotNormal(5)
    )(h)
    model = keras.Model(x, y)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(384, 16))
    a = rng.normal(size=(16, 3)) / 4.0
    y = 0.8 * np.tanh(x @ a) + 0.2
    return x.astype("float32"), y.astype("float32")
