# after rstudio/keras3#465, keras-team/keras#11786, tensorflow/tensorflow#8484
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(12, activation="relu", kernel_constraint=keras.constraints.MaxNorm(2.0))(
        inputs
    )
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="species")(h))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    return x, x[:, :3].argmax(axis=1).astype("int32") + 1
