"""Random feature regression: fixed sparse projection, trained read-out."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("rf")
class FixedSparse(keras.constraints.Constraint):
    def __init__(self, every=4):
        self.every = every

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        rows, cols = w.shape
        keep = (np.arange(rows)[:, None] + np.arange(cols)[None]) % self.every != 0
        return w * ops.cast(keep, w.dtype)

    def get_config(self):
        return {"every": self.every}


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            layers.Dense(
                300,
                activation="tanh",
                kernel_initializer=keras.initializers.RandomNormal(0, 1.0),
                bias_initializer=keras.initializers.RandomUniform(-2, 2),
                kernel_constraint=FixedSparse(),
                name="features",
            ),
            layers.Dense(1, kernel_initializer="zeros", name="readout"),
        ]
    )
    f = model.get_layer("features")
    f.kernel.assign(f.kernel_constraint(f.kernel))
    f.trainable = False
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss="mse")
    return model


def make_batch(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, 6))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.5 * x[:, 3] + 0.05 * rng.normal(size=n)
    return x.astype("float32"), y.astype("float32")[:, None]
