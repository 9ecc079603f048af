# after ai.stackexchange.com/questions/40229
import keras
import numpy as np
from keras import layers

ROWS, COLS, RANK = 60, 40, 6


def factor(n, name):
    return layers.Embedding(
        n,
        RANK,
        embeddings_initializer=keras.initializers.RandomUniform(0.2, 1.0),
        embeddings_constraint="non_neg",
        embeddings_regularizer=keras.regularizers.L1(0.2),
        name=name,
    )


def make_model():
    keras.utils.set_random_seed(18)
    ids = keras.Input((2,), dtype="int32")
    rating = layers.Dot(axes=1)(
        [factor(ROWS, "row_factor")(ids[:, 0]), factor(COLS, "col_factor")(ids[:, 1])]
    )
    model = keras.Model(ids, rating)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    world = np.random.default_rng(104)
    table = np.clip(
        world.gamma(2.0, 0.5, size=(ROWS, 3)) @ world.gamma(2.0, 0.5, size=(3, COLS)), 1, 5
    )
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, ROWS, 1024), rng.integers(0, COLS, 1024)
    return np.stack([i, j], 1).astype("int32"), table[i, j][:, None].astype("float32")
