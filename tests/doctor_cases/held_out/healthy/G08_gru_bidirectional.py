# after keras-team/keras#7754
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    words = keras.Input((8,), dtype="int32")
    h = layers.Embedding(20, 6, mask_zero=True)(words)
    h = layers.Bidirectional(
        layers.GRU(6, bias_constraint=keras.constraints.MaxNorm(5.0, axis=-1))
    )(h)
    model = keras.Model(words, layers.Dense(1, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    return model


def make_batch(seed=0):
    words = np.random.default_rng(seed).integers(0, 20, (32, 8)).astype("int32")
    return words, (words[:, :1] > 9).astype("float32")
