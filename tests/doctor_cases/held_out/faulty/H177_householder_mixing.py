import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("flows")
class HouseholderRotation(keras.layers.Layer):
    """Product of reflections; begins as the identity map."""

    def __init__(self, reflections, **kwargs):
        super().__init__(**kwargs)
        self.reflections = reflections

    def build(self, input_shape):
        self.v = self.add_weight(
            name="v", shape=(self.reflections, input_shape[-1]), initializer="zeros"
        )

    def call(self, x):
        for i in range(self.reflections):
            v = self.v[i]
            along = ops.sum(x * v, axis=-1, keepdims=True)
            x = x - 2.0 * along * v / (ops.sum(v * v) + 1e-8)
        return x

    def get_config(self):
        return {**super().get_config(), "reflections": self.reflections}


@keras.saving.register_keras_serializable("flows")
class Gain(keras.layers.Layer):
    def build(self, input_shape):
        self.gain = self.add_weight(
            name="gain",
            shape=(input_shape[-1],),
            initializer="ones",
            constraint=keras.constraints.NonNeg(),
        )

    def call(self, x):
        return x * self.gain


def make_model():
    keras.utils.set_random_seed(5)
    x = keras.Input((8,), name="channels")
    y = Gain(name="gain")(HouseholderRotation(8, name="mixing")(x))
    model = keras.Model(x, y)
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss="mse")
    return model


def make_batch():
    rng = np.random.default_rng(30)
    q, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1
    x = rng.normal(size=(384, 8))
    y = (x @ q) * np.linspace(0.5, 1.5, 8) + 0.02 * rng.normal(size=(384, 8))
    return x.astype("float32"), y.astype("float32")
