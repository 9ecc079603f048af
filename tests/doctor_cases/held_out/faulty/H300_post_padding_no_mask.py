# Short reviews (4 to 8 words), pad_sequences(padding="post", maxlen=150), accuracy stays at 0.5.
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    m = keras.Sequential(
        [
            keras.Input((150,), dtype="int32"),
            layers.Embedding(
                200, 16, embeddings_constraint=keras.constraints.MaxNorm(1.0, axis=1), name="emb"
            ),
            layers.LSTM(16, name="lstm"),
            layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.003), "binary_crossentropy", metrics=["accuracy"])
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = np.zeros((128, 150), "int32")
    y = np.zeros((128, 1), "float32")
    for i in range(128):
        n = r.integers(4, 9)
        y[i] = i % 2
        words = r.integers(40, 200, size=n)
        words[r.integers(n)] = r.integers(1, 20) if i % 2 else r.integers(20, 40)
        x[i, :n] = words
    return x, y
