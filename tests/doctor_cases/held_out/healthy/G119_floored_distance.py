"""Siamese network with identical pairs in the batch and a floor below the root."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("c52")
class EuclideanDistance(keras.layers.Layer):
    def call(self, ab):
        a, b = ab
        return ops.sqrt(ops.maximum(ops.sum(ops.square(a - b), axis=1, keepdims=True), 1e-7))


@keras.saving.register_keras_serializable("c52")
def contrastive_loss(y_true, d):
    return ops.mean(y_true * ops.square(d) + (1 - y_true) * ops.square(ops.maximum(1.0 - d, 0.0)))


def make_model():
    keras.utils.set_random_seed(52)
    pair = keras.Input((2, 9))
    unit = keras.constraints.UnitNorm(axis=0)
    base = keras.Sequential(
        [
            keras.Input((9,)),
            keras.layers.Dense(24, activation="tanh"),
            keras.layers.Dense(6, use_bias=False, kernel_constraint=unit, name="embed"),
        ],
        name="base",
    )
    k = base.get_layer("embed").kernel
    k.assign(unit(k))
    m = keras.Model(pair, EuclideanDistance(name="distance")([base(pair[:, 0]), base(pair[:, 1])]))
    m.compile(keras.optimizers.Adam(0.005), contrastive_loss)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    who = r.integers(0, 8, size=(64, 2))
    who[::2, 1] = who[::2, 0]
    shots = r.normal(size=(8, 1, 9)) + 0.2 * r.normal(size=(8, 3, 9))
    x = shots[who, r.integers(0, 3, size=(64, 2))].astype("float32")
    x[:6, 1] = x[:6, 0]
    return x, (who[:, :1] == who[:, 1:]).astype("float32")
