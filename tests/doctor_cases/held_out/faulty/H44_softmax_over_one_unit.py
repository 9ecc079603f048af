# after https://geek-tips.imtqy.com/articles/557592/index.html, keras-team/keras#4541
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    words = keras.Input((7,), dtype="int32")
    h = layers.GRU(6)(
        layers.Embedding(12, 4, embeddings_constraint=keras.constraints.MaxNorm(1.5, axis=1))(words)
    )
    out = layers.Dense(1, activation="softmax", name="verdict")(h)
    model = keras.Model(words, out)
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    words = np.random.default_rng(seed).integers(0, 12, (32, 7)).astype("int32")
    return words, (words[:, :1] > 5).astype("float32")
