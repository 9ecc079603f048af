# after keras-team/keras#4962
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pooling")
class AttentionPooling(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.score = layers.Dense(1, name="score")

    def build(self, shape):
        self.score.build(shape)

    def call(self, sequence):
        weights = ops.softmax(self.score(sequence))
        return ops.sum(weights * sequence, axis=1)


def make_model():
    keras.utils.set_random_seed(0)
    words = keras.Input((12,), dtype="int32")
    h = layers.Embedding(40, 10, name="words")(words)
    h = AttentionPooling(name="pool")(h)
    model = keras.Model(words, layers.Dense(1, activation="sigmoid", name="label")(h))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).integers(0, 40, (64, 12)).astype("int32")
    return x, (x == 7).any(axis=1, keepdims=True).astype("float32")
