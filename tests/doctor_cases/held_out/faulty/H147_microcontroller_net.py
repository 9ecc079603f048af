# after https://datascience.stackexchange.com/questions/14533/how-to-quantize-weights-in-forward-pass-during-training-in-keras
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("mcu")
class Grid(keras.constraints.Constraint):
    def __init__(self, step=0.125, limit=1.0):
        self.step = step
        self.limit = limit

    def __call__(self, w):
        w = ops.clip(ops.convert_to_tensor(w), -self.limit, self.limit)
        return ops.round(w / self.step) * self.step

    def get_config(self):
        return {"step": self.step, "limit": self.limit}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((16,)),
            layers.Dense(32, activation="relu", kernel_constraint=Grid(), name="fixed_1"),
            layers.Dense(32, activation="relu", kernel_constraint=Grid(), name="fixed_2"),
            layers.Dense(4, kernel_constraint=Grid(), name="fixed_out"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(1600, 16)).astype("float32")
    y = 2 * (x[:, 0] * x[:, 1] > 0) + (x[:, 2] + x[:, 3] > 0)
    return x, y.astype("int32")
