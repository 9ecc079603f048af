# adapted from keras-team/keras#15600
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case14")
class GeM(keras.layers.Layer):
    def build(self, s):
        self.p = self.add_weight(
            shape=(s[-1],), initializer=keras.initializers.Constant(3.0), name="p"
        )

    def call(self, x):
        return ops.power(ops.mean(ops.power(x, self.p), axis=(1, 2)), 1.0 / self.p)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(8, 3, activation="swish"),
            GeM(name="gem"),
            keras.layers.Dense(1),
        ]
    )
    m.compile("adam", "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(32, 6, 6, 3)).astype("float32")
    y = (x.mean(axis=(1, 2))[:, :1]).astype("float32")
    return x, y
