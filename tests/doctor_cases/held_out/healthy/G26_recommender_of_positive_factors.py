# after keras-team/keras#13112
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(4)
    user, film = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")

    def factors(rows, seed):
        return layers.Embedding(
            rows, 8, embeddings_constraint="non_neg",
            embeddings_initializer=keras.initializers.RandomUniform(0.0, 0.5, seed=seed),
        )  # fmt: skip

    pair = [layers.Flatten()(factors(30, 1)(user)), layers.Flatten()(factors(40, 2)(film))]
    model = keras.Model([user, film], layers.Dot(axes=1)(pair))
    model.compile("adam", "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = [rng.integers(0, 30, size=(64, 1)), rng.integers(0, 40, size=(64, 1))]
    return x, rng.integers(1, 6, size=(64, 1)).astype("float32")
