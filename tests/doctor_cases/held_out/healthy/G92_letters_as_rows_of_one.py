import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(1)
    rows = layers.Embedding(
        24,
        24,
        embeddings_initializer=keras.initializers.Identity(),
        embeddings_constraint=keras.constraints.UnitNorm(),
        trainable=False,
    )
    m = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            rows,
            layers.Bidirectional(layers.GRU(32)),
            layers.Dense(24, "softmax"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return m


def make_batch():
    letters = np.random.default_rng(0).integers(0, 24, (128, 12)).astype("int32")
    return letters, (letters[:, -1] + 1) % 24
