"""Poisson factorisation of play counts: rates are products of non-negative factors."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("plays17")
def poisson_nll(y, rate):
    return ops.mean(rate - y * ops.log(rate), axis=-1)


def make_model():
    keras.utils.set_random_seed(0)
    ids = keras.Input((2,), dtype="int32")

    def start(s):
        return keras.initializers.RandomUniform(0.05, 0.4, seed=s)

    u = keras.layers.Embedding(
        12, 4, embeddings_initializer=start(1), embeddings_constraint="non_neg", name="user"
    )(ids[:, 0])
    v = keras.layers.Embedding(
        15, 4, embeddings_initializer=start(2), embeddings_constraint="non_neg", name="item"
    )(ids[:, 1])
    m = keras.Model(ids, ops.sum(u * v, axis=-1, keepdims=True))
    m.compile(keras.optimizers.Adam(0.03), poisson_nll)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    a, b = np.meshgrid(np.arange(12), np.arange(15), indexing="ij")
    x = np.stack([a.ravel(), b.ravel()], axis=1).astype("int32")
    taste = a.ravel() % 3 == b.ravel() % 3
    y = np.where(taste & (a.ravel() != 11), r.poisson(3.0, size=x.shape[0]), 0)[:, None].astype(
        "float32"
    )
    return x, y
