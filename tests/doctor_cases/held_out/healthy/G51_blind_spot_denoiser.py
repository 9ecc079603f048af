# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("blindspot")
class NoCentre(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        mask = np.ones(w.shape, "float32")
        mask[w.shape[0] // 2, w.shape[1] // 2] = 0.0
        return w * ops.cast(mask, w.dtype)


@keras.saving.register_keras_serializable("blindspot")
def hollow_normal(shape, dtype=None):
    return NoCentre()(keras.random.normal(shape, stddev=0.2, dtype=dtype))


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((14, 14, 1)),
            layers.Conv2D(
                16,
                3,
                padding="same",
                activation="relu",
                kernel_initializer=hollow_normal,
                kernel_constraint=NoCentre(),
                name="neighbours",
            ),
            layers.Conv2D(16, 1, activation="relu", name="mix"),
            layers.Conv2D(1, 1, name="clean"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(0.005), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    u = np.linspace(0, 2 * np.pi, 14)
    a, b, p = rng.uniform(0.5, 1.5, size=(3, 500, 1, 1))
    clean = np.sin(a * u[None, :, None] + p) + np.cos(b * u[None, None, :])
    noisy = clean + 0.4 * rng.normal(size=(500, 14, 14))
    noisy = noisy[..., None].astype("float32")
    return noisy, noisy
