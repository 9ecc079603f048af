# after vlawhern/arl-eegmodels#1, vlawhern/arl-eegmodels#4
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 6))
    h = layers.DepthwiseConv2D(
        3,
        padding="same",
        depthwise_constraint=keras.constraints.MaxNorm(1.0, axis=(0, 1, 2)),
        depthwise_initializer=keras.initializers.RandomNormal(stddev=0.05),
        name="spatial",
    )(image)
    h = layers.Activation("elu")(layers.BatchNormalization()(h))
    out = layers.Dense(1, name="readout")(layers.GlobalAveragePooling2D()(h))
    model = keras.Model(image, out)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(16, 8, 8, 6)).astype("float32")
    y = 3 * np.abs(x[..., :1]).mean(axis=(1, 2)) + x[..., 1:2].mean(axis=(1, 2))
    return x, y.astype("float32")
