"""BinaryConnect: +-1 weights in the forward pass; the stored weights are real, in [-1, 1]."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("bc")
class Clip(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


@keras.saving.register_keras_serializable("bc")
class BinaryDense(layers.Layer):
    def __init__(self, units, **kw):
        super().__init__(**kw)
        self.units = units

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel",
            shape=(shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(-0.3, 0.3),
            constraint=Clip(),
        )

    def call(self, x):
        w = self.kernel
        return ops.matmul(x, w + ops.stop_gradient(ops.where(w >= 0, 1.0, -1.0) - w))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(4)
    model = keras.Sequential(
        [
            keras.Input((32,)),
            BinaryDense(32, name="bin1"),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            BinaryDense(1, name="bin2"),
            layers.BatchNormalization(),
            layers.Activation("sigmoid"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(0.01), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(3000, 32)).astype("float32")
    b = rng.choice([-1.0, 1.0], size=32)
    return x, (x @ b > 0).astype("float32")[:, None]
