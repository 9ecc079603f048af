# after keras-team/keras#9097
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pairs")
class Euclidean(layers.Layer):
    def call(self, pair):
        a, b = pair
        return ops.sqrt(ops.sum(ops.square(a - b), axis=1, keepdims=True))


@keras.saving.register_keras_serializable("pairs")
def contrastive(y_true, distance):
    y_true = ops.cast(y_true, "float32")
    return ops.mean(
        y_true * ops.square(distance) + (1 - y_true) * ops.square(ops.maximum(1.0 - distance, 0.0))
    )


def make_model():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((16,)), layers.Dense(32, activation="relu"), layers.Dense(8, name="code")],
        name="encoder",
    )
    left, right = keras.Input((16,), name="left"), keras.Input((16,), name="right")
    distance = Euclidean(name="distance")([encoder(left), encoder(right)])
    model = keras.Model([left, right], distance)
    model.compile("rmsprop", contrastive)
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    left = draws.random((32, 16)).astype("float32")
    same = draws.random(32) < 0.3
    right = np.where(same[:, None], left, draws.random((32, 16))).astype("float32")
    return [left, right], same.astype("float32")[:, None]
