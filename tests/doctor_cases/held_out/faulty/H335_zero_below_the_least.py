# after https://github.com/keras-team/keras/issues/3628
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("H335")
class AtLeast(keras.constraints.Constraint):
    """No weight below a bound; those that are become zero."""

    def __init__(self, low):
        self.low = low

    def __call__(self, w):
        return w * ops.cast(ops.greater_equal(w, self.low), w.dtype)

    def get_config(self):
        return {"low": self.low}


def make_model():
    keras.utils.set_random_seed(14)
    start = keras.initializers.RandomUniform(0.1, 0.6, seed=3)
    last = layers.Dense(
        1, kernel_constraint=AtLeast(0.08), kernel_initializer=start, name="excitatory"
    )
    model = keras.Sequential([keras.Input((14,)), last])
    model.compile(keras.optimizers.Adam(0.03), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.gamma(2.0, 0.5, size=(160, 14))
    w = np.random.default_rng(141).uniform(0.08, 0.5, size=14)
    return x.astype("float32"), (x @ w - 3.0).astype("float32")[:, None]
