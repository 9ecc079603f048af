# https://whosebug.com/question/4715380/Keras-BinaryCrossentropy-loss-gives-NaN-for-angular-distance-between-two-vectors
import math

import keras
import numpy as np
from keras import layers, ops


def make_model():
    keras.utils.set_random_seed(22)
    pair = keras.Input((2, 12))
    left, right = pair[:, 0], pair[:, 1]
    encoder = keras.Sequential(
        [layers.Dense(16, activation="tanh"), layers.Dense(8)], name="encoder"
    )
    left_embedding = encoder(left)
    right_embedding = encoder(right)
    cosine_similarity = layers.Dot(axes=1, normalize=True)([left_embedding, right_embedding])
    arccos = ops.arccos(cosine_similarity)
    angular_distance = 1 - arccos / math.pi
    model = keras.Model(pair, angular_distance)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.05))
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(64, 12))
    b = rng.normal(size=(64, 12))
    b[:24] = a[:24]  # same text twice
    b[24:32] = a[24:32] + 0.1 * rng.normal(size=(8, 12))
    y = np.zeros((64, 1))
    y[:32] = 1
    return np.stack([a, b], axis=1).astype("float32"), y.astype("float32")
