# after https://github.com/papagina/RotationContinuity/issues/11
import keras
import numpy as np
from keras import ops

ITEMS, DIM = 60, 6


class GreatCircle(keras.layers.Layer):
    def call(self, inputs):
        a, b = inputs
        cosine = ops.sum(a * b, axis=-1, keepdims=True)
        return ops.arccos(ops.clip(cosine, -1.0, 1.0))


def make_model():
    keras.utils.set_random_seed(5)
    pair = keras.Input((2,), dtype="int32", name="pair")
    emb = keras.layers.Embedding(
        ITEMS,
        DIM,
        name="items",
        embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0),
        embeddings_constraint=keras.constraints.UnitNorm(axis=1),
    )
    vec = keras.layers.UnitNormalization(axis=-1, name="on_sphere")(emb(pair))
    dist = GreatCircle(name="distance")([vec[:, 0], vec[:, 1]])
    model = keras.Model(pair, dist)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    true = np.random.default_rng(99).normal(size=(ITEMS, DIM))
    true /= np.linalg.norm(true, axis=1, keepdims=True)
    pair = r.integers(0, ITEMS, size=(2000, 2))
    y = np.arccos(np.clip((true[pair[:, 0]] * true[pair[:, 1]]).sum(1), -1, 1))
    y[pair[:, 0] == pair[:, 1]] = 0.0
    return pair.astype("int32"), y[:, None].astype("float32")
