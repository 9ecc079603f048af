"""Siamese net with contrastive loss; the positive pairs contain the same picture twice."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("siamese")
def euclidean(pair):
    a, b = pair
    return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True))


def contrastive(y_true, d):
    y_true = ops.cast(y_true, d.dtype)
    return ops.mean(y_true * ops.square(d) + (1 - y_true) * ops.square(ops.maximum(1.0 - d, 0.0)))


def make_model():
    keras.utils.set_random_seed(5)
    base = keras.Sequential(
        [
            keras.Input((12,)),
            layers.Dense(
                32, activation="relu", kernel_constraint=keras.constraints.MaxNorm(2.0), name="fc"
            ),
            layers.Dense(8, name="embedding"),
        ],
        name="base",
    )
    a, b = keras.Input((12,), name="left"), keras.Input((12,), name="right")
    d = layers.Lambda(euclidean, output_shape=(1,), name="distance")([base(a), base(b)])
    m = keras.Model([a, b], d)
    m.compile(keras.optimizers.Adam(0.001), contrastive)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    left = r.normal(size=(64, 12)).astype("float32")
    right = r.normal(size=(64, 12)).astype("float32")
    y = (np.arange(64) % 2).astype("float32")[:, None]
    right[1::2] = left[1::2] + 0.1 * r.normal(size=(32, 12)).astype("float32")
    right[1:9:2] = left[1:9:2]  # sampled with replacement: a picture with itself
    return [left, right], y
