# after https://geeksmental.com/question/why-does-accuracy-remain-the-same
import keras
import numpy as np
from keras import Sequential
from keras.layers import Dense

THRESHOLD = 50000


def make_model():
    keras.utils.set_random_seed(1)
    model = Sequential()
    model.add(keras.Input((1,)))
    model.add(Dense(3, activation="relu", name="first"))
    model.add(Dense(5, activation="relu", name="second"))
    model.add(Dense(1, activation="relu", name="answer"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).integers(0, 2 * THRESHOLD, size=(64, 1))
    return x.astype("float32"), (x >= THRESHOLD).astype("float32")
