import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Chances(keras.constraints.Constraint):
    def __call__(self, w):
        w = w * ops.cast(w >= 0, w.dtype)
        return w / (1e-7 + ops.sum(w, axis=0, keepdims=True))


class Flipped(layers.Layer):
    def build(self, shape):
        self.q = self.add_weight(
            shape=(shape[-1], shape[-1]), initializer="identity", constraint=Chances(), name="q"
        )

    def call(self, x, training=False):
        return ops.matmul(x, self.q) if training else x


def make_model():
    keras.utils.set_random_seed(1)
    m = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(32, "relu"),
            layers.Dense(4, "softmax"),
            Flipped(name="flipped"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.005), "categorical_crossentropy")
    return m


def make_batch():
    r = np.random.default_rng(0)
    y = r.integers(0, 4, 256)
    x = r.normal(size=(256, 20)) + 1.5 * r.normal(size=(4, 20))[y]
    y = np.where(r.uniform(size=256) < 0.2, (y + 1) % 4, y)
    return x.astype("float32"), keras.utils.to_categorical(y, 4)
