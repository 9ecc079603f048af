# after https://arxiv.org/abs/1901.09321
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, padding="same", name="lift")(image)
    for block in range(2):
        r = layers.Conv2D(6, 3, padding="same", activation="relu", name=f"in_{block}")(h)
        r = layers.Conv2D(6, 3, padding="same", kernel_initializer="zeros", name=f"out_{block}")(r)
        h = layers.Add()([h, r])
    model = keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(layers.ReLU()(h))))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
