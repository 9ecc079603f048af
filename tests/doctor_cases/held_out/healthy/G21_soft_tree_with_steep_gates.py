# after https://arxiv.org/abs/1711.09784
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("trees")
class SoftTree(layers.Layer):
    """Depth two: steep sigmoids choose, so that most of them are at 0 or 1 by design."""

    def __init__(self, steepness=8.0, **kwargs):
        super().__init__(**kwargs)
        self.steepness = steepness

    def build(self, shape):
        self.splits = self.add_weight(
            shape=(shape[-1], 3), initializer="glorot_uniform", name="splits"
        )
        self.thresholds = self.add_weight(shape=(3,), initializer="zeros", name="thresholds")
        self.leaves = self.add_weight(shape=(4, 1), initializer="random_normal", name="leaves")

    def call(self, x):
        go = ops.sigmoid(self.steepness * (ops.matmul(x, self.splits) - self.thresholds))
        a, b, c = go[:, 0:1], go[:, 1:2], go[:, 2:3]
        reach = ops.concatenate([a * b, a * (1 - b), (1 - a) * c, (1 - a) * (1 - c)], axis=1)
        return ops.matmul(reach, self.leaves)

    def get_config(self):
        return {**super().get_config(), "steepness": self.steepness}


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    model = keras.Model(x, SoftTree(name="tree")(x))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 6)).astype("float32")
    return x, np.where(x[:, :1] > 0, 1.0, -0.5).astype("float32")
