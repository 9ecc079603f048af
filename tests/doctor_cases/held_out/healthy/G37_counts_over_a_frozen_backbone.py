# Fine-tuning on purpose: a frozen backbone with BatchNormalization, a new non-negative head
import keras
import numpy as np
from keras import layers

import constrainit as ci


def make_model(mended=False):
    keras.utils.set_random_seed(23)
    backbone = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(16, 3, activation="relu", kernel_initializer="he_normal", name="c1"),
            layers.BatchNormalization(name="bn"),
            layers.Conv2D(
                32, 3, strides=2, activation="relu", kernel_initializer="he_normal", name="c2"
            ),
            layers.GlobalAveragePooling2D(),
        ],
        name="backbone",
    )
    backbone.trainable = False
    inputs = keras.Input((12, 12, 1))
    h = backbone(inputs, training=False)
    h = layers.Dense(32, activation="relu", name="adapter")(h)
    model = keras.Model(
        inputs, layers.Dense(1, name="count", **ci.constrained(kernel=ci.NonNegative()))(h)
    )
    model.compile(keras.optimizers.Adam(5e-3), "huber")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = np.zeros((128, 12, 12))
    n = r.integers(1, 6, 128)
    for image, k in zip(x, n, strict=True):
        for i, j in r.integers(1, 11, (k, 2)):
            image[i - 1 : i + 2, j - 1 : j + 2] += 1
    return x[..., None].astype("float32"), n[:, None].astype("float32")
