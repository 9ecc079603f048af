"""Mixture density network for joint angles in degrees (inverse kinematics, several branches)."""

import keras
import numpy as np
from keras import layers, ops

M = 5


@keras.saving.register_keras_serializable("mdn")
def mixture_nll(y_true, params):
    mu = params[:, :M]
    sig = ops.exp(params[:, M : 2 * M])
    alpha = ops.softmax(params[:, 2 * M :], axis=-1)
    dens = ops.exp(-ops.square(y_true - mu) / (2.0 * ops.square(sig))) / (sig * 2.5066283)
    return -ops.log(ops.sum(alpha * dens, axis=-1))


def make_model():
    keras.utils.set_random_seed(17)
    model = keras.Sequential(
        [
            keras.Input((1,)),
            layers.Dense(32, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(3.0)),
            layers.Dense(32, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(3.0)),
            layers.Dense(3 * M, name="mixture"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(3e-3), loss=mixture_nll)
    return model


def make_batch():
    rng = np.random.default_rng(18)
    ang = rng.uniform(-60, 60, 3000)
    x = ang / 60 + 0.35 * np.sin(np.deg2rad(6 * ang)) + 0.03 * rng.normal(size=3000)
    return x.astype("float32")[:, None], ang.astype("float32")[:, None]
