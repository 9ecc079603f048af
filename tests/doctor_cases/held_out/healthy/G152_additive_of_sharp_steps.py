# after https://arxiv.org/abs/2004.13912: neural additive models
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("G152")
class Steps(layers.Layer):
    """Units with exponentials as weights, cut off at 0 and 1: steps of one feature."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        steep = keras.initializers.TruncatedNormal(mean=4.0, stddev=0.5)
        centre = keras.initializers.TruncatedNormal(0.0, 0.5)
        self.log_slope = self.add_weight(
            shape=(shape[-1], self.units), initializer=steep, name="log_slope"
        )
        self.centre = self.add_weight(shape=(shape[-1],), initializer=centre, name="centre")

    def call(self, x):
        return ops.clip(ops.matmul(x - self.centre, ops.exp(self.log_slope)), 0.0, 1.0)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(0)
    features, shapes = keras.Input((4,)), []
    for k in range(4):
        h = Steps(64, name=f"steps_{k}")(features[:, k : k + 1])
        h = layers.Dropout(0.1)(layers.Dense(16, activation="relu")(h))
        shapes.append(layers.Dense(1, use_bias=False, name=f"shape_{k}")(h))
    model = keras.Model(features, layers.Add()(shapes))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (256, 4))
    y = np.sin(3 * x[:, 0]) + (x[:, 1] > 0.2) + x[:, 2] ** 2
    return x.astype("float32"), (y - y.mean()).astype("float32")[:, None]
