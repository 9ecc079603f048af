# adapted from pronobis/libspn-keras#17
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case16")
class LogMix(keras.layers.Layer):
    def build(self, s):
        self.w = self.add_weight(
            shape=(s[-1], 4),
            initializer=keras.initializers.RandomUniform(0.0, 0.1),
            constraint="non_neg",
            name="w",
        )

    def call(self, x):
        return ops.logsumexp(ops.expand_dims(x, -1) + ops.log(self.w), axis=1)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), LogMix(name="log_mix"), keras.layers.Dense(1)])
    m.compile(keras.optimizers.SGD(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
