# healthy control
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(
                10,
                4,
                embeddings_initializer="random_normal",
                embeddings_constraint=keras.constraints.UnitNorm(axis=1),
                name="emb",
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    e = m.get_layer("emb").embeddings
    e.assign(e.constraint(e))
    m.compile(keras.optimizers.Adam(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(0, 10, size=(64, 5)).astype("int32")
    y = (x[:, :1] / 10.0).astype("float32")
    return x, y
