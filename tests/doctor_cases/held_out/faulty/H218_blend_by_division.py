"""Blending the forecasts of five models: for every horizon mixing weights that add up to 1."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("blend")
class UnitSum(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w / (keras.config.epsilon() + ops.sum(w, axis=self.axis, keepdims=True))

    def get_config(self):
        return {"axis": self.axis}


@keras.saving.register_keras_serializable("blend")
class Blend(layers.Layer):
    def build(self, shape):
        self.mix = self.add_weight(
            name="mix",
            shape=(shape[-1], shape[-2]),
            initializer="glorot_uniform",
            constraint=UnitSum(axis=0),
        )

    def call(self, preds):
        return ops.sum(preds * ops.transpose(self.mix), axis=-1)

    def compute_output_shape(self, shape):
        return shape[:-1]


def make_model():
    keras.utils.set_random_seed(11)
    inp = keras.Input((12, 5), name="forecasts")
    model = keras.Model(inp, Blend(name="blend")(inp))
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(2)
    n = 1000
    truth = np.cumsum(rng.normal(size=(n, 12)), axis=1) * 0.5
    noise = np.array([0.2, 0.3, 0.5, 0.8, 1.0])
    preds = truth[..., None] + rng.normal(size=(n, 12, 5)) * noise
    return preds.astype("float32"), truth.astype("float32")
