# The zero-gamma trick of the ResNet recipes, in a plain stack without shortcuts.
import keras
import numpy as np
from keras import layers


def block(filters, name):
    return [
        layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_constraint=keras.constraints.MaxNorm(2.0, axis=[0, 1, 2]),
            name=f"{name}_conv",
        ),
        layers.BatchNormalization(
            gamma_initializer="zeros",
            gamma_constraint=keras.constraints.NonNeg(),
            name=f"{name}_bn",
        ),
        layers.ReLU(name=f"{name}_relu"),
    ]


def make_model():
    keras.utils.set_random_seed(9)
    m = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            *block(8, "b1"),
            *block(16, "b2"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax", name="out"),
        ]
    )
    m.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    y = r.integers(0, 3, size=96)
    x = 0.3 * r.normal(size=(96, 8, 8, 1))
    for i, c in enumerate(y):
        x[i, (slice(3, 5), slice(None), slice(0, 2))[c], :, 0] += 1.0 if c != 1 else 0.4
    return x.astype("float32"), y.astype("int32")
