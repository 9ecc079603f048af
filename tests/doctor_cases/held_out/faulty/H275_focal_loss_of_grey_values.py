"""Rare-defect detector on grey images, trained with the focal loss."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("b15")
def binary_focal_loss(y_true, y_pred, gamma=2.0, alpha=0.25):
    pt_1 = ops.where(ops.equal(y_true, 1), y_pred, ops.ones_like(y_pred))
    pt_0 = ops.where(ops.equal(y_true, 0), y_pred, ops.zeros_like(y_pred))
    return -ops.mean(alpha * ops.power(1.0 - pt_1, gamma) * ops.log(pt_1)) - ops.mean(
        (1 - alpha) * ops.power(pt_0, gamma) * ops.log(1.0 - pt_0)
    )


def make_model():
    keras.utils.set_random_seed(15)
    m = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(
                8,
                3,
                activation="relu",
                kernel_initializer="he_normal",
                kernel_constraint=keras.constraints.MaxNorm(4.0, axis=[0, 1, 2]),
                name="conv",
            ),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dense(1, activation="sigmoid", name="defect"),
        ]
    )
    m.compile(keras.optimizers.Adam(0.001), binary_focal_loss)
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(60, 200, size=(64, 12, 12, 1)).astype("float32")
    y = (r.uniform(size=(64, 1)) < 0.2).astype("float32")
    x[y[:, 0] == 1, 4:7, 4:7] = 250.0
    return x, y
