"""Siamese network: the distance of two signatures, trained with the contrastive loss."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b13")
class EuclideanDistance(keras.layers.Layer):
    def call(self, ab):
        a, b = ab
        return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True))


@keras.saving.register_keras_serializable("b13")
def contrastive_loss(y_true, d):
    margin = 1.0
    return ops.mean(
        y_true * ops.square(d) + (1 - y_true) * ops.square(ops.maximum(margin - d, 0.0))
    )


def make_model():
    keras.utils.set_random_seed(13)
    pair = keras.Input((2, 12))
    base = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(
                32, activation="relu", kernel_constraint=keras.constraints.MaxNorm(3.0)
            ),
            keras.layers.Dense(8),
        ],
        name="base",
    )
    d = EuclideanDistance(name="distance")([base(pair[:, 0]), base(pair[:, 1])])
    m = keras.Model(pair, d)
    m.compile(keras.optimizers.Adam(0.002), contrastive_loss)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    who = r.integers(0, 10, size=(64, 2))
    who[::2, 1] = who[::2, 0]
    shots = r.normal(size=(10, 1, 12)) + 0.2 * r.normal(size=(10, 4, 12))
    x = shots[who, r.integers(0, 4, size=(64, 2))].astype("float32")
    y = (who[:, :1] == who[:, 1:]).astype("float32")
    return x, y
