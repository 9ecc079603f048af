"""Two-fold training of a log-mixture regressor.

The second fold trains a clone of the first model.
"""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("folds08")
class LogMixture(keras.layers.Layer):
    def __init__(self, units, constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.constraint = keras.constraints.get(constraint)

    def build(self, input_shape):
        self.mix = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=keras.initializers.RandomUniform(0.02, 0.1),
            constraint=self.constraint,
            name="mix",
        )

    def call(self, x):
        return ops.log(1e-3 + ops.matmul(x, self.mix))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_fold():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((6,)),
            LogMixture(4, constraint="non_neg", name="mixture"),
            keras.layers.Dense(1, name="out"),
        ]
    )


def make_model():
    first = make_fold()
    second = keras.models.clone_model(first)
    second.compile(keras.optimizers.Adam(0.03), "mse")
    return second


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.uniform(0, 1, size=(64, 6)).astype("float32")
    y = np.log(1e-3 + 0.3 * x[:, :1]).astype("float32")
    return x, y
