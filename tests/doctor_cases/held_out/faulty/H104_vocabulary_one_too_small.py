# after keras-team/keras docs: Embedding's input_dim is the largest index plus one
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(9)
    words = keras.Input((16,), dtype="int32")
    h = layers.Embedding(100, 24, mask_zero=True, name="words")(words)
    h = layers.LSTM(24)(h)
    model = keras.Model(words, layers.Dense(1, activation="sigmoid")(h))
    model.compile("adam", "binary_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    # A hundred words are numbered from 1, since 0 is the padding.
    words = rng.integers(1, 101, size=(64, 16))
    words[::3, 9:] = 0
    return words.astype("int32"), (words.max(axis=1, keepdims=True) > 95).astype("float32")
