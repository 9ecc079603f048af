# adapted from keras-team/keras#10226 (rows pre-initialised to zero and unseen in training)
import keras
import numpy as np


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((5,), dtype="int32"),
            keras.layers.Embedding(
                20,
                4,
                embeddings_initializer="zeros",
                embeddings_constraint=keras.constraints.MinMaxNorm(0.5, 1.0, axis=1),
                name="emb",
            ),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )
    m.compile(keras.optimizers.SGD(0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(0, 10, size=(64, 5)).astype("int32")
    y = (x[:, :1] / 10.0).astype("float32")
    return x, y
