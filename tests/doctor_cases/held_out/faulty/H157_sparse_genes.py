# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("genes")
class SoftThreshold(keras.constraints.Constraint):
    def __init__(self, lam=0.01):
        self.lam = lam

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return ops.sign(w) * ops.relu(ops.abs(w) - self.lam)

    def get_config(self):
        return {"lam": self.lam}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((200,)),
            layers.Dense(16, activation="tanh", kernel_constraint=SoftThreshold(), name="genes"),
            layers.Dense(1, activation="sigmoid", name="risk"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy", metrics=["accuracy"]
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2000, 200)).astype("float32")
    s = x[:, 3] + x[:, 50] - x[:, 120] + 0.8 * x[:, 7]
    y = (s + 0.3 * rng.normal(size=2000) > 0).astype("float32")
    return x, y[:, None]
