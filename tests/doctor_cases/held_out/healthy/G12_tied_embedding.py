# after keras-team/keras#2888
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class TiedLogits(layers.Layer):
    """Scores every word with the table that embedded it."""

    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table

    def call(self, h):
        return ops.matmul(h, ops.transpose(self.table.embeddings))

    def get_config(self):
        return {**super().get_config(), "table": keras.saving.serialize_keras_object(self.table)}

    @classmethod
    def from_config(cls, config):
        config["table"] = keras.saving.deserialize_keras_object(config["table"])
        return cls(**config)


@keras.saving.register_keras_serializable("held_out")
class UnitRows(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        rows = keras.random.normal(shape, dtype=dtype, seed=3)
        return rows / ops.norm(rows, axis=1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    table = layers.Embedding(
        10,
        6,
        embeddings_initializer=UnitRows(),
        embeddings_constraint=keras.constraints.UnitNorm(axis=1),
        name="table",
    )
    words = keras.Input((5,), dtype="int32")
    h = layers.GRU(6, name="read")(table(words))
    model = keras.Model(words, TiedLogits(table, name="tied")(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    return model


def make_batch(seed=0):
    words = np.random.default_rng(seed).integers(0, 10, (32, 5)).astype("int32")
    return words, words[:, -1]
