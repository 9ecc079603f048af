# after tensorflow/addons#1839
import keras
import numpy as np
from keras import layers, ops

ASSETS = 10


@keras.saving.register_keras_serializable("cases")
class FullyInvested(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / (ops.sum(w, axis=1, keepdims=True) + 1e-7)


def make_model():
    keras.utils.set_random_seed(2)
    model = keras.Sequential(
        [
            keras.Input((ASSETS,)),
            layers.Dense(
                1,
                use_bias=False,
                kernel_initializer=keras.initializers.Constant(1.0 / ASSETS),
                kernel_constraint=FullyInvested(),
                name="portfolio",
            ),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    market = rng.normal(size=(256, 1))
    x = (0.6 * market + rng.normal(size=(256, ASSETS))).astype("float32")
    w = np.array([0.3, 0.25, 0.2, 0.1, 0.05, 0.05, 0.05, 0, 0, 0], "float32")
    y = x @ w[:, None] + 0.02 * rng.normal(size=(256, 1))
    return x, y.astype("float32")
