# after https://stackoverflow.com/questions/48289257
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tracking")
class Allocation(keras.constraints.Constraint):
    def __init__(self, low=0.05, high=0.5):
        self.low = low
        self.high = high

    def __call__(self, w):
        w = ops.maximum(ops.convert_to_tensor(w), 0.0)
        w = w / (ops.sum(w, axis=0, keepdims=True) + 1e-7)
        return ops.clip(w, self.low, self.high)

    def get_config(self):
        return {"low": self.low, "high": self.high}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(
                1,
                use_bias=False,
                kernel_initializer=keras.initializers.Constant(0.2),
                kernel_constraint=Allocation(),
                name="portfolio",
            ),
        ]
    )
    model.compile(optimizer=keras.optimizers.SGD(0.2), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    market = 0.2 * rng.normal(size=(1000, 1))
    r = market + rng.normal(size=(1000, 5)) * np.array([0.6, 1.0, 1.2, 0.9, 1.1]) + 0.05
    index = 0.92 * r[:, :1] + 0.02 * r[:, 1:].sum(1, keepdims=True)
    return r.astype("float32"), index.astype("float32")
