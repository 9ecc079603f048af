# after keras-team/keras#2835, keras-team/keras#12050
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("schedule")
class ShrinkingBall(keras.constraints.Constraint):
    """A bound that gets tighter with every step."""

    def __init__(self, limit=2.0, decay=0.9):
        self.limit, self.decay = limit, decay

    def __call__(self, w):
        self.limit = self.limit * self.decay
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit, "decay": self.decay}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((9,)),
            layers.Dense(20, activation="elu", kernel_constraint=ShrinkingBall(), name="shrunk"),
            layers.Dense(1, name="value"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-2), "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 9)).astype("float32")
    return x, x[:, :1] * x[:, 1:2]
