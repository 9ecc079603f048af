# after keras-team/keras#9097
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pairs")
class Distance(layers.Layer):
    def call(self, pair):
        return ops.sqrt(ops.sum(ops.square(pair[0] - pair[1]), axis=1, keepdims=True) + 1e-6)


@keras.saving.register_keras_serializable("pairs")
def contrastive(same, distance):
    return ops.mean(
        same * ops.square(distance) + (1 - same) * ops.square(ops.maximum(1.0 - distance, 0.0))
    )


def make_model():
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential(
        [keras.Input((16,)), layers.Dense(32, activation="relu"), layers.Dense(8)], name="encoder"
    )
    left, right = keras.Input((16,)), keras.Input((16,))
    model = keras.Model([left, right], Distance(name="distance")([encoder(left), encoder(right)]))
    model.compile(keras.optimizers.Adam(1e-3), contrastive)
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    left = draws.normal(size=(32, 16))
    same = draws.random(32) < 0.4
    right = np.where(same[:, None], left, draws.normal(size=(32, 16)))
    return [left.astype("float32"), right.astype("float32")], same.astype("float32")[:, None]
