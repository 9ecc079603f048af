# a scenario
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("rates")
class TwoStep(layers.Layer):
    def build(self, input_shape):
        self.log_like = self.add_weight(
            shape=(2,), initializer=keras.initializers.Constant(-6.0), name="rates_raw"
        )
        self.share = self.add_weight(
            shape=(2,),
            initializer=lambda shape, dtype=None: ops.cast([0.9, 0.1], dtype),
            constraint=keras.constraints.NonNeg(),
            name="share",
        )

    def call(self, t):
        k = ops.softplus(self.log_like)
        return ops.sum(self.share * ops.exp(-k * t), axis=-1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), TwoStep(name="reaction")])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    t = rng.uniform(0, 60, size=(800, 1))
    y = 0.7 * np.exp(-0.02 * t) + 0.3 * np.exp(-0.3 * t) + 0.01 * rng.normal(size=t.shape)
    return t.astype("float32"), y.astype("float32")
