# https://example-a.com/answer/60077925
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("G143")
class UnitInterval(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, 0, 1)


class Blend(layers.Layer):
    """a * swish(x) + (1 - a) * relu(x)"""

    def build(self, input_shape):
        self.a = self.add_weight(
            name="weight_a",
            shape=(1,),
            initializer=keras.initializers.Constant(0.5),
            constraint=UnitInterval(),
            trainable=True,
        )

    def call(self, inputs):
        return self.a * ops.silu(inputs) + (1 - self.a) * ops.relu(inputs)


def make_model():
    keras.utils.set_random_seed(56)
    inp = keras.Input((6,))
    x = layers.Dense(24)(inp)
    x = Blend(name="blend")(x)
    out = layers.Dense(1)(x)
    model = keras.Model(inp, out)
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(256, 6)).astype("float32")
    w = np.random.default_rng(13).normal(size=(6, 4))
    h = x @ w
    y = (h / (1 + np.exp(-h))).sum(axis=1, keepdims=True)
    return x, y.astype("float32")
