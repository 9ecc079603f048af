import keras
import numpy as np
from keras import layers, ops


class Liquid(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters

    def build(self, shape):
        start = keras.initializers.RandomUniform(0.3, 1.0)
        self.tau = self.add_weight(shape=(self.filters,), initializer=start, name="tau")
        self.senses = layers.Conv2D(self.filters, 3, strides=2, padding="same")
        self.recurs = layers.Conv2D(
            self.filters, 3, padding="same", kernel_initializer="orthogonal"
        )
        self.senses.build(shape)
        self.recurs.build((shape[0], shape[1] // 2, shape[2] // 2, self.filters))

    def call(self, x):
        drive = self.senses(x)
        state = ops.zeros_like(drive)
        for _ in range(3):
            change = ops.tanh(drive + self.recurs(state)) - state / ops.softplus(self.tau)
            state = state + 0.1 * change
        return state


def make_model():
    keras.utils.set_random_seed(1)
    m = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            Liquid(8),
            layers.BatchNormalization(),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, "softmax"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    return m


def make_batch():
    r = np.random.default_rng(0)
    y = r.integers(0, 3, 64)
    x = r.uniform(0, 0.3, (64, 16, 16, 1))
    x[y == 0, ::4] = 1
    x[y == 1, :, ::4] = 1
    return x.astype("float32"), y.astype("int32")
