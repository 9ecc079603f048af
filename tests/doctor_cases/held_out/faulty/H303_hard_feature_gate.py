# Feature selection: a learned gate in [0, 1] for each column; a column counts above 0.5.
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("gate")
class ZeroOne(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, 0.0, 1.0)


class FeatureGate(layers.Layer):
    def build(self, input_shape):
        self.gate = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.RandomUniform(0.3, 0.5),
            constraint=ZeroOne(),
            name="gate",
        )

    def call(self, x):
        return ops.where(self.gate > 0.5, x * self.gate, 0.0)


def make_model():
    keras.utils.set_random_seed(6)
    m = keras.Sequential(
        [
            keras.Input((10,)),
            FeatureGate(name="select"),
            layers.Dense(32, activation="relu", name="h"),
            layers.Dense(1, name="out"),
        ]
    )
    m.compile("adam", "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(128, 10)).astype("float32")
    return x, (x[:, :1] - 2 * x[:, 3:4]).astype("float32")
