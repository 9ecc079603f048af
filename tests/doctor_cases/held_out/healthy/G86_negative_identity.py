"""Vibration monitor: orthogonal recurrence that starts as a reflection of the state."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="vibration")
class MinusIdentity(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return -ops.eye(shape[0], shape[1], dtype=dtype or "float32")


@keras.saving.register_keras_serializable(package="vibration")
class PolarFactor(keras.constraints.Constraint):
    """Newton-Schulz iteration towards the nearest orthogonal matrix."""

    def __init__(self, steps=12):
        self.steps = steps

    def __call__(self, w):
        q = w / ops.sqrt(ops.sum(ops.square(w)) + 1e-12) * float(w.shape[0]) ** 0.5
        for _ in range(self.steps):
            q = 1.5 * q - 0.5 * ops.matmul(q, ops.matmul(ops.transpose(q), q))
        return q

    def get_config(self):
        return {"steps": self.steps}


def make_model():
    keras.utils.set_random_seed(36)
    signal = keras.Input((24, 2), name="acceleration")
    h = keras.layers.SimpleRNN(
        16,
        activation="tanh",
        recurrent_initializer=MinusIdentity(),
        recurrent_constraint=PolarFactor(),
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.2),
        name="resonator",
    )(signal)
    out = keras.layers.Dense(3, activation="softmax", name="condition")(h)
    model = keras.Model(signal, out, name="vibration_monitor")
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(36)
    y = rng.integers(0, 3, 192)
    freq = np.array([0.3, 1.2, 2.4])[y][:, None]
    t = np.arange(24)[None]
    phase = rng.uniform(0, 6.28, size=(192, 1))
    x = np.stack([np.sin(freq * t + phase), np.cos(freq * t + phase)], -1)
    x = x + 0.1 * rng.normal(size=x.shape)
    return x.astype("float32"), y.astype("int32")
