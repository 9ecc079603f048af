"""A real model with Keras' MaxNorm on every kernel: the default axis is wrong for most of them."""

import keras
import numpy as np


def make_model():
    model = keras.applications.MobileNetV2(weights=None, input_shape=(32, 32, 3), classes=10)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.constraint = keras.constraints.MaxNorm(2)
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def make_batch():
    draws = np.random.default_rng(0)
    return draws.normal(size=(8, 32, 32, 3)).astype("float32"), draws.integers(0, 10, size=8)
