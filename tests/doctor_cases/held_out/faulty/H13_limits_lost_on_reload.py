# after rstudio/keras3#381, tensorflow/tensorflow#39793
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Within(keras.constraints.Constraint):
    def __init__(self, low=-1.0, high=1.0):
        self.low, self.high = low, high

    def __call__(self, w):
        return ops.clip(w, self.low, self.high)


def make_model():
    keras.utils.set_random_seed(0)
    limit = Within(-0.05, 0.05)
    start = keras.initializers.RandomUniform(-0.04, 0.04)
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.Dense(
                16, "relu", kernel_constraint=limit, kernel_initializer=start, name="bounded"
            ),
            layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
