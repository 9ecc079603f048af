# after keras-team/keras#1580
import keras
import numpy as np
from keras import layers

USERS, ITEMS = 600, 400


def make_model(mended=False):
    keras.utils.set_random_seed(2)
    axis = 1 if mended else 0
    inputs = keras.Input((2,), dtype="int32")
    user = layers.Embedding(
        USERS,
        16,
        embeddings_constraint=keras.constraints.UnitNorm(axis=axis),
        name="user_embedding",
    )(inputs[:, 0])
    item = layers.Embedding(
        ITEMS,
        16,
        embeddings_constraint=keras.constraints.UnitNorm(axis=axis),
        name="item_embedding",
    )(inputs[:, 1])
    cosine = layers.Dot(axes=1)([user, item])
    outputs = layers.Dense(1, kernel_initializer="ones", name="rating")(cosine)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    u, v = r.normal(size=(USERS, 4)), r.normal(size=(ITEMS, 4))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    x = np.stack([r.integers(0, USERS, 1024), r.integers(0, ITEMS, 1024)], 1)
    y = 2 * (u[x[:, 0]] * v[x[:, 1]]).sum(1)
    return x.astype("int32"), y[:, None].astype("float32")
