# after tensorflow/tensorflow#33755, keras-team/keras#14459
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Recommender(keras.Model):
    """Scores of users for items: the cosine of two unit vectors, or so it was meant."""

    def __init__(self, **rest):
        super().__init__(**rest)
        self.users = layers.Embedding(30, 5, embeddings_constraint="unit_norm", name="users")
        self.items = layers.Embedding(20, 5, embeddings_constraint="unit_norm", name="items")

    def call(self, pairs):
        return ops.sum(self.users(pairs[:, 0]) * self.items(pairs[:, 1]), axis=-1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    model = Recommender()
    model(np.zeros((1, 2), "int32"))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    pairs = np.stack([draws.integers(0, 30, 64), draws.integers(0, 20, 64)], 1).astype("int32")
    return pairs, np.cos(pairs.sum(axis=1, keepdims=True)).astype("float32")
