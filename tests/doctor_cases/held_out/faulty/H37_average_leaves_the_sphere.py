# after keras-team/keras#18949, keras-team/keras#3696
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class UnitRows(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        rows = keras.random.normal(shape, dtype=dtype, seed=1)
        return rows / ops.norm(rows, axis=1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    tokens = keras.Input((6,), dtype="int32")
    h = layers.Embedding(
        15,
        4,
        embeddings_initializer=UnitRows(),
        embeddings_constraint=keras.constraints.UnitNorm(axis=1),
        name="directions",
    )(tokens)
    model = keras.Model(tokens, layers.Dense(1)(layers.Flatten()(h)))
    adam = keras.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=10)
    model.compile(adam, "mse")
    return model


def make_batch(seed=0):
    tokens = np.random.default_rng(seed).integers(0, 15, (32, 6)).astype("int32")
    return tokens, np.sin(tokens.sum(axis=1, keepdims=True)).astype("float32")
