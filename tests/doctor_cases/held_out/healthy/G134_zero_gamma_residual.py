# Residual blocks with zero gamma in the last BatchNormalization: each block starts as the identity.
import keras
import numpy as np
from keras import layers


def make_model():
    keras.utils.set_random_seed(6)
    norm = keras.constraints.MaxNorm(2.0, axis=[0, 1, 2])
    inp = keras.Input((8, 8, 1))
    h = layers.Conv2D(8, 3, padding="same", activation="relu", name="stem")(inp)
    for i in range(2):
        s = h
        h = layers.Conv2D(
            8, 3, padding="same", use_bias=False, kernel_constraint=norm, name=f"r{i}_a"
        )(h)
        h = layers.BatchNormalization(name=f"r{i}_bn_a")(h)
        h = layers.ReLU()(h)
        h = layers.Conv2D(
            8, 3, padding="same", use_bias=False, kernel_constraint=norm, name=f"r{i}_b"
        )(h)
        h = layers.BatchNormalization(gamma_initializer="zeros", name=f"r{i}_bn_b")(h)
        h = layers.ReLU()(layers.Add()([s, h]))
    h = layers.GlobalMaxPooling2D()(h)
    m = keras.Model(inp, layers.Dense(3, activation="softmax", name="out")(h))
    m.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 3, size=96)
    x = 0.2 * r.normal(size=(96, 8, 8, 1))
    for i, c in enumerate(y):
        k = r.integers(1, 7)
        if c == 0:
            x[i, k, :, 0] += 1
        elif c == 1:
            x[i, :, k, 0] += 1
        else:
            x[i, np.arange(8), np.arange(8), 0] += 1
    return x.astype("float32"), y.astype("int32")
