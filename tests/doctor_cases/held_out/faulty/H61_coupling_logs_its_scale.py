# after https://arxiv.org/abs/1605.08803
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("flow")
class Coupling(layers.Layer):
    """One affine step of a flow; its log-determinant is added to the loss."""

    def __init__(self, hidden=24, **kwargs):
        super().__init__(**kwargs)
        self.hidden = hidden
        self.inner = layers.Dense(hidden, activation="relu", name="inner")
        self.scale = layers.Dense(2, name="scale")
        self.shift = layers.Dense(2, name="shift")

    def build(self, shape):
        self.inner.build((None, 2))
        self.scale.build((None, self.hidden))
        self.shift.build((None, self.hidden))

    def call(self, x):
        fixed, moved = x[:, :2], x[:, 2:]
        h = self.inner(fixed)
        scale = self.scale(h)
        self.add_loss(-ops.mean(ops.sum(ops.log(scale), axis=-1)))
        return ops.concatenate([fixed, moved * scale + self.shift(h)], axis=-1)

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}


@keras.saving.register_keras_serializable("flow")
def gaussian(_, z):
    return 0.5 * ops.mean(ops.sum(ops.square(z), axis=-1))


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    model = keras.Model(x, Coupling(name="coupling")(x))
    model.compile(keras.optimizers.Adam(1e-3), gaussian)
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 4)).astype("float32")
    return x, x
