"""Faces: prototypes of norm one imprinted from exemplars, additive angular margin loss."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("faces19")
def angular_margin_loss(y, cosine, margin=0.3, scale=16.0):
    theta = ops.arccos(cosine)
    logits = scale * ops.cos(theta + margin * y)
    return keras.losses.categorical_crossentropy(y, logits, from_logits=True)


def exemplars():
    return np.random.default_rng(7).normal(size=(6, 8)).astype("float32")


def make_model():
    keras.utils.set_random_seed(0)
    inp = keras.Input((8,))
    h = keras.layers.Dense(8, use_bias=False, kernel_initializer="identity", name="adapter")(inp)
    h = keras.layers.UnitNormalization(name="unit")(h)
    out = keras.layers.Dense(
        6, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0), name="prototypes"
    )(h)
    m = keras.Model(inp, out)
    e = exemplars()
    m.get_layer("prototypes").kernel.assign((e / np.linalg.norm(e, axis=1, keepdims=True)).T)
    m.compile(keras.optimizers.Adam(0.003), angular_margin_loss)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    c = np.concatenate([np.arange(6), r.integers(0, 6, size=42)])
    noise = r.normal(size=(48, 8)) * 0.4
    noise[:6] = 0.0
    x = (exemplars()[c] + noise).astype("float32")
    return x, np.eye(6, dtype="float32")[c]
