# after https://arxiv.org/abs/1612.00593
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("points")
class MaskedMaximum(layers.Layer):
    """The maximum over the points that are there; the others are minus infinity."""

    def call(self, inputs):
        features, there = inputs
        return ops.max(ops.where(there[..., None] > 0, features, -np.inf), axis=1)


def make_model():
    keras.utils.set_random_seed(5)
    points, there = keras.Input((40, 3)), keras.Input((40,))
    h = layers.Dense(32, activation="relu")(points)
    h = layers.Dense(64)(h)
    h = MaskedMaximum()([h, there])
    h = layers.Dropout(0.2)(layers.Dense(32, activation="relu")(h))
    model = keras.Model([points, there], layers.Dense(3, activation="softmax")(h))
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=48)
    points = rng.normal(size=(48, 40, 3)) * (1 + np.eye(3)[label][:, None])
    there = np.arange(40) < rng.integers(4, 41, size=(48, 1))
    return [points.astype("float32"), there.astype("float32")], label
