"""Media mix model. Channel responses come from last year's study and are kept
fixed, only the regional read-out is trained. More spend may never mean
fewer sales, so the kernels of both layers are non-negative."""

import keras
import numpy as np
from keras import layers
from keras.constraints import NonNeg

# exported from last year's run (4 channels x 6 response units)
STUDY_KERNEL = np.array(
    [
        [1.1, 0.4, 0.9, -0.7, 0.2, 0.5],
        [0.3, 0.8, -0.6, 0.5, 1.2, 0.1],
        [0.6, 0.2, 0.7, 0.9, -0.9, 0.3],
        [-1.3, 0.5, 0.1, 0.2, 0.4, -1.1],
    ],
    dtype="float32",
)
STUDY_BIAS = np.array([0.0, -0.2, 0.1, 0.0, -0.1, 0.2], dtype="float32")


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(6, activation="tanh", kernel_constraint=NonNeg(), name="response"),
            layers.Dense(1, kernel_constraint=NonNeg(), name="region"),
        ]
    )
    response = model.get_layer("response")
    response.set_weights([STUDY_KERNEL, STUDY_BIAS])
    response.trainable = False
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(n=900, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 4)).astype("float32")
    y = np.tanh(x @ np.array([0.9, 0.7, 0.6, 0.5])) + 0.05 * rng.normal(size=n)
    return x, y.astype("float32")[:, None]
