# after keras-team/keras#13926
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(12)
    face = keras.Input((24, 24, 3))
    h = layers.Conv2D(16, 3, strides=2, activation="relu")(face)
    h = layers.Conv2D(32, 3, strides=2, activation="relu")(h)
    h = layers.Dense(32, activation="relu")(layers.Flatten()(h))
    age = layers.Dense(1, name="age")(h)
    smiles = layers.Dense(1, activation="sigmoid", name="smiles")(h)
    model = keras.Model(face, [age, smiles])
    model.compile("adam", ["binary_crossentropy", "mse"])
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    faces = rng.random((32, 24, 24, 3)).astype("float32")
    age = rng.uniform(1.8, 8.0, size=(32, 1)).astype("float32")
    return faces, [age, (rng.random((32, 1)) > 0.5).astype("float32")]
