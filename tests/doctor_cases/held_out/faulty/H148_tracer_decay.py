# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tracer")
class Decay(layers.Layer):
    def build(self, input_shape):
        self.raw_rate = self.add_weight(
            shape=(1,), initializer="ones", constraint=keras.constraints.NonNeg(), name="raw_rate"
        )
        self.amplitude = self.add_weight(
            shape=(1,), initializer="ones", constraint=keras.constraints.NonNeg(), name="amplitude"
        )

    def call(self, t):
        rate = ops.softplus(self.raw_rate)
        return self.amplitude * ops.exp(-rate * t)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), Decay(name="decay")])
    model.compile(optimizer=keras.optimizers.Adam(0.03), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 15, size=(800, 1))
    y = 2.0 * np.exp(-0.15 * t) + 0.02 * rng.normal(size=t.shape)
    return t.astype("float32"), y.astype("float32")
