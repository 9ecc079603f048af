# after probml/dynamax#404, keras-team/keras#13234
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Shares(keras.constraints.Constraint):
    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / ops.sum(w)


@keras.saving.register_keras_serializable("held_out")
class Mixture(layers.Layer):
    """log sum_k p_k exp(-(x - m_k)^2 / 2)"""

    def build(self, shape):
        self.p = self.add_weight(
            shape=(6,),
            initializer=keras.initializers.RandomUniform(-0.5, 1.0),
            constraint=Shares(),
            name="shares",
        )
        self.m = self.add_weight(shape=(6,), initializer="random_normal", name="means")

    def call(self, x):
        return ops.logsumexp(ops.log(self.p) - ops.square(x - self.m) / 2, axis=-1, keepdims=True)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,))
    h = layers.Dense(1, name="project")(inputs)
    model = keras.Model(inputs, Mixture(name="mixture")(h))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
