"""Keyword spotting for a memristor crossbar with nine conductance levels."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="crossbar")
class ConductanceLevels(keras.constraints.Constraint):
    """Every cell holds one of the programmable levels in [-1, 1]."""

    def __init__(self, step=0.25):
        self.step = step

    def __call__(self, w):
        return ops.clip(ops.round(w / self.step) * self.step, -1.0, 1.0)

    def get_config(self):
        return {"step": self.step}


class KeywordSpotter(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.array_1 = keras.layers.Dense(
            24,
            activation="relu",
            use_bias=False,
            kernel_initializer="he_uniform",
            kernel_constraint=ConductanceLevels(),
            name="array_1",
        )
        self.array_2 = keras.layers.Dense(
            6,
            use_bias=False,
            kernel_constraint=ConductanceLevels(),
            name="array_2",
        )

    def call(self, frames):
        return self.array_2(self.array_1(frames))


def make_model():
    keras.utils.set_random_seed(2)
    model = KeywordSpotter(name="keyword_spotter")
    model.build((None, 16))
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(6)
    y = rng.integers(0, 6, 256)
    centres = rng.normal(size=(6, 16))
    x = centres[y] + 0.5 * rng.normal(size=(256, 16))
    return x.astype("float32"), y.astype("int32")
