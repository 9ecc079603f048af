# after lsdefine/attention-is-all-you-need-keras#16
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pooling")
class AttentionPooling(layers.Layer):
    """The average of the words, by learnt scores; padding has a score of minus infinity."""

    def build(self, shapes):
        self.query = self.add_weight(shape=(shapes[0][-1], 1), name="query")

    def call(self, inputs):
        words, tokens = inputs
        scores = ops.squeeze(ops.matmul(words, self.query), -1)
        scores = ops.where(ops.equal(tokens, 0), -np.inf, scores)
        weights = ops.softmax(scores, axis=-1)
        return ops.sum(words * ops.expand_dims(weights, -1), axis=1)


def make_model():
    keras.utils.set_random_seed(8)
    tokens = keras.Input((10,), dtype="int32")
    words = layers.Embedding(50, 16)(tokens)
    pooled = AttentionPooling(name="pooling")([words, tokens])
    model = keras.Model(tokens, layers.Dense(1, activation="sigmoid")(pooled))
    model.compile("adam", "binary_crossentropy")
    return model


def make_batch(seed=0):
    """Reviews of up to ten words; one of them is empty."""
    rng = np.random.default_rng(seed)
    x = rng.integers(1, 50, size=(16, 10))
    for row, length in enumerate(rng.integers(3, 11, size=16)):
        x[row, length:] = 0
    x[5] = 0
    return x.astype("int32"), rng.integers(0, 2, size=(16, 1)).astype("float32")
