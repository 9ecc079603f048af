# after https://github.com/keras-team/keras/issues/2276
import keras
import numpy as np

USERS, ITEMS, RANK = 48, 36, 4


def tower(name, count):
    ids = keras.Input((), dtype="int32", name=name)
    vectors = keras.layers.Embedding(
        count,
        RANK,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.3, seed=count),
        embeddings_constraint=keras.constraints.MaxNorm(2.0),
        name=f"{name}_factors",
    )(ids)
    return ids, vectors


def make_model():
    keras.utils.set_random_seed(1)
    user, u = tower("user", USERS)
    item, v = tower("item", ITEMS)
    bias = keras.layers.Embedding(ITEMS, 1, embeddings_initializer="zeros", name="item_bias")(item)
    score = keras.layers.Add()([keras.layers.Dot(axes=-1)([u, v]), bias])
    model = keras.Model({"user": user, "item": item}, score)
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(17)
    u = rng.normal(size=(USERS, RANK))
    v = rng.normal(size=(ITEMS, RANK))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    pick = rng.permutation(USERS * ITEMS)[:512]
    rows, cols = np.divmod(pick, ITEMS)
    rating = 3.2 * (u[rows] * v[cols]).sum(axis=1) + 0.3 * rng.normal(size=ITEMS)[cols]
    rating = rating + 0.1 * rng.normal(size=512)
    x = {"user": rows.astype("int32"), "item": cols.astype("int32")}
    return x, rating.astype("float32")[:, None]
