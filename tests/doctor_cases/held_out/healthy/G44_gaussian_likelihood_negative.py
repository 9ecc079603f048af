# healthy: loss negative
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("cases")
def gaussian_nll(y, out):
    mean, scale = out[:, :1], ops.softplus(out[:, 1:]) + 1e-3
    return ops.mean(0.5 * ops.square((y - mean) / scale) + ops.log(scale), axis=-1)


def make_model():
    keras.utils.set_random_seed(25)
    model = keras.Sequential(
        [
            keras.Input((3,)),
            layers.Dense(32, activation="tanh", kernel_constraint=keras.constraints.MaxNorm(2.0)),
            layers.Dense(2),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), gaussian_nll)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(256, 3))
    noise = 0.02 + 0.05 * np.abs(x[:, 1:2])
    y = np.sin(2 * x[:, :1]) + noise * rng.normal(size=(256, 1))
    return x.astype("float32"), y.astype("float32")
