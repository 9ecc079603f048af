"""Signature verification, two branches with shared weights (contrastive)."""

import keras
import numpy as np
from keras import layers, ops

MARGIN = 1.0


class PairDistance(layers.Layer):
    def call(self, a, b):
        return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True))

    def compute_output_shape(self, a_shape, b_shape):
        return (a_shape[0], 1)


def contrastive(y_true, y_pred):
    y_true = ops.cast(y_true, y_pred.dtype)
    near = y_true * ops.square(y_pred)
    far = (1.0 - y_true) * ops.square(ops.maximum(MARGIN - y_pred, 0.0))
    return ops.mean(near + far, axis=-1)


def make_model():
    keras.utils.set_random_seed(1)
    a = keras.Input((20,), name="reference")
    b = keras.Input((20,), name="questioned")
    tower = keras.Sequential(
        [
            layers.Dense(
                32, activation="relu", kernel_constraint=keras.constraints.UnitNorm(axis=0)
            ),
            layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(2.0)),
        ],
        name="tower",
    )
    d = PairDistance(name="distance")(tower(a), tower(b))
    model = keras.Model({"reference": a, "questioned": b}, d)
    model.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss=contrastive)
    return model


def make_batch(n=800, seed=0):
    rng = np.random.default_rng(seed)
    writers = rng.normal(size=(25, 20))
    w1 = rng.integers(0, 25, n)
    same = rng.random(n) < 0.5
    w2 = np.where(same, w1, (w1 + rng.integers(1, 25, n)) % 25)
    left = writers[w1] + 0.2 * rng.normal(size=(n, 20))
    right = writers[w2] + 0.2 * rng.normal(size=(n, 20))
    # the archive also pairs every master specimen with its own scan
    own = np.where(same)[0][:12]
    right[own] = left[own]
    x = {"reference": left.astype("float32"), "questioned": right.astype("float32")}
    return x, same.astype("float32")[:, None]
