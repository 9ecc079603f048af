# healthy: loss starts at 52, differences divided by h^2 = 0.0025, one net called three times
import keras
import numpy as np
from keras import layers

H = 0.05


@keras.saving.register_keras_serializable("cases")
class Residual(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.body = keras.Sequential(
            [
                layers.Dense(
                    24,
                    activation="tanh",
                    kernel_initializer="glorot_normal",
                    kernel_constraint=keras.constraints.MaxNorm(6.0),
                ),
                layers.Dense(24, activation="tanh", kernel_initializer="glorot_normal"),
                layers.Dense(1),
            ]
        )

    def u(self, x):
        return x * (1.0 - x) * self.body(2.0 * x - 1.0)

    def call(self, x):
        return (self.u(x + H) - 2.0 * self.u(x) + self.u(x - H)) / H**2


def make_model():
    keras.utils.set_random_seed(26)
    model = Residual()
    model(np.zeros((2, 1), "float32"))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(H, 1 - H, size=(128, 1))
    return x.astype("float32"), (-(np.pi**2) * np.sin(np.pi * x)).astype("float32")
