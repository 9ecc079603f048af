"""Binary-weight gesture classifier; weights are -1 or +1 in the forward pass."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="gesture")
class LatentRange(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -1.0, 1.0)


@keras.saving.register_keras_serializable(package="gesture")
class BinaryDense(keras.layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.latent = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(-0.3, 0.3),
            constraint=LatentRange(),
            name="latent",
        )
        self.scale = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.Constant(1.0 / float(input_shape[-1]) ** 0.5),
            name="scale",
        )

    def call(self, x):
        w = ops.convert_to_tensor(self.latent)
        hard = ops.where(w >= 0, 1.0, -1.0)
        w = w + ops.stop_gradient(hard - w)
        return ops.matmul(x, w) * self.scale

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable(package="gesture")
class HardSign(keras.layers.Layer):
    def call(self, x):
        soft = ops.clip(x, -1.0, 1.0)
        return soft + ops.stop_gradient(ops.where(x >= 0, 1.0, -1.0) - soft)

    def compute_output_shape(self, input_shape):
        return input_shape


def make_model():
    keras.utils.set_random_seed(31)
    model = keras.Sequential(
        [
            keras.Input((12,), name="imu"),
            BinaryDense(48, name="binary_1"),
            HardSign(name="sign_1"),
            BinaryDense(5, name="binary_2"),
        ],
        name="binary_gesture",
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-2),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch():
    rng = np.random.default_rng(31)
    y = rng.integers(0, 5, 256)
    centres = rng.normal(size=(5, 12))
    x = centres[y] + 0.4 * rng.normal(size=(256, 12))
    return x.astype("float32"), y.astype("int32")
