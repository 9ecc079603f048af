# after SeanNaren/warp-ctc#29
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(6)
    line = keras.Input((64, 16, 1))
    h = line
    for filters in (8, 16, 16, 32):
        h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
        h = layers.MaxPooling2D(2)(h)
    h = layers.Reshape((4, 32))(h)
    h = layers.Bidirectional(layers.GRU(24, return_sequences=True))(h)
    model = keras.Model(line, layers.Dense(27, name="characters")(h))
    model.compile("adam", keras.losses.CTC())
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    lines = rng.random((16, 64, 16, 1)).astype("float32")
    words = rng.integers(1, 27, size=(16, 7))
    words[::4, 3:] = 0
    return lines, words.astype("int32")
