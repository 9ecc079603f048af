# after keras-team/keras#16970
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    limit = keras.constraints.MaxNorm(2.5, axis=[0, 1, 2])
    h = layers.Conv2D(
        8, 3, activation="relu", kernel_constraint=limit, dtype="bfloat16", name="brain"
    )(image)
    h = layers.GlobalAveragePooling2D(dtype="bfloat16")(h)
    model = keras.Model(image, layers.Dense(1, dtype="float32")(h))
    model.compile(keras.optimizers.SGD(0.05), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
