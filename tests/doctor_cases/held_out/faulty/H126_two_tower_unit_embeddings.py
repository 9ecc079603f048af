# after keras-team/keras#1580
import keras
import numpy as np
from keras import layers

USERS, ITEMS, DIM = 300, 200, 8


def make_model():
    keras.utils.set_random_seed(1)
    ids = keras.Input((2,), dtype="int32")

    def unit():
        return keras.constraints.UnitNorm()

    user = layers.Embedding(USERS, DIM, embeddings_constraint=unit(), name="user")(ids[:, 0])
    item = layers.Embedding(ITEMS, DIM, embeddings_constraint=unit(), name="item")(ids[:, 1])
    cosine = layers.Dot(axes=1, name="cosine")([user, item])
    logit = layers.Rescaling(10.0, name="temperature")(cosine)
    out = layers.Activation("sigmoid")(logit)
    model = keras.Model(ids, out)
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    world = np.random.default_rng(100)
    user_taste = world.integers(0, 4, USERS)
    item_kind = world.integers(0, 4, ITEMS)
    rng = np.random.default_rng(seed)
    u = rng.integers(0, USERS, 6000)
    match = rng.random(6000) < 0.5
    i = np.where(
        match,
        [rng.choice(np.flatnonzero(item_kind == user_taste[k])) for k in u],
        [rng.choice(np.flatnonzero(item_kind != user_taste[k])) for k in u],
    )
    y = (user_taste[u] == item_kind[i]).astype("float32")[:, None]
    return np.stack([u, i], 1).astype("int32"), y
