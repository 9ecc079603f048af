# after keras-team/keras#474, keras-team/keras#3628
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(3)
    image = keras.Input((8, 8, 3))
    code = layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="squeeze")(image)
    limit = keras.constraints.UnitNorm(axis=[0, 1, 2])
    out = layers.Conv2DTranspose(
        3, 3, strides=2, padding="same", kernel_constraint=limit, name="expand"
    )(code)
    model = keras.Model(image, out)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(16, 8, 8, 3)).astype("float32")
    return x, 0.5 * x
