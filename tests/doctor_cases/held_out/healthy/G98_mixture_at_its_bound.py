"""Learnable mix a*tanh(z) + (1-a)*relu(z), 0 <= a <= 1, in every layer."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("mix")
class Between01(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, 0.0, 1.0)


@keras.saving.register_keras_serializable("mix")
class MixActivation(layers.Layer):
    def build(self, shape):
        self.a = self.add_weight(
            name="weight_a",
            shape=(1,),
            initializer=keras.initializers.Constant(0.5),
            constraint=Between01(),
        )

    def call(self, z):
        return self.a * ops.tanh(z) + (1.0 - self.a) * ops.relu(z)


def make_model():
    keras.utils.set_random_seed(23)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(16, name="d1"),
            MixActivation(name="mix1"),
            layers.Dense(1, name="d2"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(24)
    x = rng.normal(size=(2000, 5))
    w = rng.normal(size=(5, 6))
    y = np.maximum(x @ w, 0) @ rng.choice([-1.0, 1.0], 6) * 0.7 + 0.05 * rng.normal(size=2000)
    return x.astype("float32"), y.astype("float32")[:, None]
