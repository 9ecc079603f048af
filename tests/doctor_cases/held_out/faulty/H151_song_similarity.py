# after https://github.com/keras-team/keras/issues/10226
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    pair = keras.Input((2,), dtype="int32")
    u = layers.Embedding(
        300,
        8,
        embeddings_initializer="random_normal",
        embeddings_constraint=keras.constraints.UnitNorm(),
        name="listener",
    )(pair[:, 0])
    v = layers.Embedding(
        200,
        8,
        embeddings_initializer="random_normal",
        embeddings_constraint=keras.constraints.UnitNorm(),
        name="song",
    )(pair[:, 1])
    sim = layers.Dot(axes=1, name="similarity")([u, v])
    model = keras.Model(pair, sim)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    return model


def make_batch(seed=0):
    fixed = np.random.default_rng(1234)
    a, b = fixed.normal(size=(300, 8)), fixed.normal(size=(200, 8))
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    rng = np.random.default_rng(seed)
    i, j = rng.integers(0, 300, size=6000), rng.integers(0, 200, size=6000)
    y = (a[i] * b[j]).sum(1, keepdims=True)
    return np.stack([i, j], 1).astype("int32"), y.astype("float32")
