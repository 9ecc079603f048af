# after keras-team/keras#13100, keras-team/keras#10226
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, activation="relu", name="conv_a")(image)
    h = layers.DepthwiseConv2D(3, activation="relu", name="conv_b")(h)
    backbone = keras.Model(image, layers.GlobalAveragePooling2D()(h), name="backbone")
    for layer in backbone.layers:
        if hasattr(layer, "kernel_constraint"):
            layer.kernel_constraint = keras.constraints.MaxNorm(0.5, axis=[0, 1, 2])
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(1, name="head")(backbone(inputs)))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
