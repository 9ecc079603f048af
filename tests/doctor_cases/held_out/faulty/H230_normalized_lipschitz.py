"""Safety monitor for a robot arm. The score may not change by more than the
sensor reading changes (1-Lipschitz), so each kernel lives in the unit ball of
the spectral norm."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("arm")
class SpectralBall(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        s = ops.svd(w, full_matrices=False, compute_uv=False)
        return w / ops.maximum(ops.max(s), 1.0)


def dense(units, name):
    return layers.Dense(
        units, kernel_initializer="orthogonal", kernel_constraint=SpectralBall(), name=name
    )


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((4,)),
            dense(32, "d1"),
            layers.BatchNormalization(name="bn1", momentum=0.9),
            layers.Activation("relu"),
            dense(32, "d2"),
            layers.BatchNormalization(name="bn2", momentum=0.9),
            layers.Activation("relu"),
            dense(1, "score"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch(n=1000, seed=0):
    rng = np.random.default_rng(seed)
    x = 0.2 * rng.normal(size=(n, 4))
    y = 1.6 * np.linalg.norm(x - 0.1, axis=1) + 0.01 * rng.normal(size=n)
    return x.astype("float32"), y.astype("float32")[:, None]
