import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(1)
    i = keras.Input((8, 64, 1))
    h = layers.Conv2D(8, (1, 32), padding="same", use_bias=False)(i)
    h = layers.BatchNormalization()(h)
    bound = keras.constraints.MaxNorm(1.0)
    h = layers.DepthwiseConv2D(
        (8, 1), depth_multiplier=2, use_bias=False, depthwise_constraint=bound
    )(h)
    h = layers.Activation("elu")(layers.BatchNormalization()(h))
    h = layers.Dropout(0.25)(layers.AveragePooling2D((1, 4))(h))
    h = layers.SeparableConv2D(16, (1, 16), padding="same", use_bias=False)(h)
    h = layers.Activation("elu")(layers.BatchNormalization()(h))
    h = layers.Flatten()(layers.AveragePooling2D((1, 8))(h))
    o = layers.Dense(4, "softmax", kernel_constraint=keras.constraints.MaxNorm(2.0))(h)
    m = keras.Model(i, o)
    m.compile("adam", "sparse_categorical_crossentropy")
    return m


def make_batch():
    r = np.random.default_rng(0)
    y = r.integers(0, 4, 96)
    x = r.normal(size=(96, 8, 64))
    t = np.arange(64) / 64
    for j, k in enumerate(y):
        x[j, k] += 2 * np.sin(2 * np.pi * (4 + 3 * k) * t + r.uniform(0, 6))
    return x[..., None].astype("float32"), y.astype("int32")
