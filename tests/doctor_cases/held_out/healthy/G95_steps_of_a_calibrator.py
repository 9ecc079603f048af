"""Monotone piecewise-linear calibration of six ranking signals, then a non-negative linear score.
Row 0 of the kernel is the value at the first keypoint, the others are steps between them."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("calib")
class FirstFreeRestNonNeg(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return ops.concatenate([w[:1], ops.maximum(w[1:], 0.0)], axis=0)


@keras.saving.register_keras_serializable("calib")
class PWLCalibration(layers.Layer):
    def __init__(self, lo=0.0, hi=25.0, num=26, **kw):
        super().__init__(**kw)
        self.lo, self.hi, self.num = lo, hi, num

    def build(self, shape):
        self.kernel = self.add_weight(
            name="pwl_kernel",
            shape=(self.num, shape[-1]),
            initializer=keras.initializers.Constant(1.0 / self.num),
            constraint=FirstFreeRestNonNeg(),
        )

    def call(self, x):
        width = (self.hi - self.lo) / (self.num - 1)
        left = ops.convert_to_tensor(np.linspace(self.lo, self.hi, self.num)[:-1].astype("float32"))
        frac = ops.clip((x[..., None] - left) / width, 0.0, 1.0)
        return self.kernel[0] + ops.einsum("bfk,kf->bf", frac, self.kernel[1:])

    def get_config(self):
        return {**super().get_config(), "lo": self.lo, "hi": self.hi, "num": self.num}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            PWLCalibration(name="calib"),
            layers.Dense(
                1,
                kernel_constraint=keras.constraints.NonNeg(),
                kernel_initializer="ones",
                name="score",
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(2)
    x = rng.uniform(-3, 28, size=(3000, 6))
    z = np.clip(x, 0, 25)
    y = (
        np.sqrt(z[:, 0]) / 5
        + (z[:, 1] > 10) * 0.8
        + 1 / (1 + np.exp(-(z[:, 2] - 18)))
        + 0.02 * z[:, 3]
        + 0.1 * rng.normal(size=3000)
    )
    return x.astype("float32"), y.astype("float32")[:, None]
