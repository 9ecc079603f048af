# Cosine classifier with a scale, and a residual block that starts at zero
import keras
import numpy as np
from keras import layers

import constrainit as ci

CLASSES = 20


def make_model(mended=False):
    keras.utils.set_random_seed(25)
    inputs = keras.Input((24,))
    h = layers.Dense(64, activation="relu", name="stem")(inputs)
    b = layers.Dense(64, activation="relu", name="branch1")(h)
    b = layers.Dense(64, kernel_initializer="zeros", name="branch2")(b)
    h = layers.Add()([h, b])
    h = layers.UnitNormalization(axis=-1)(layers.Dense(32, name="features")(h))
    h = layers.Rescaling(16.0)(h)
    outputs = layers.Dense(
        CLASSES,
        use_bias=False,
        activation="softmax",
        name="classes",
        **ci.constrained(kernel=ci.UnitNorm()),
    )(h)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    centres = np.random.default_rng(98).normal(size=(CLASSES, 24))
    y = r.integers(0, CLASSES, 256)
    return (centres[y] + r.normal(0, 0.6, (256, 24))).astype("float32"), y.astype("int32")
