# after JeremyLinux/PyTorch-Radial-Basis-Function-Layer#1, tensorflow/tensorflow#50584
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Bumps(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.centres = self.add_weight(
            shape=(self.units, shape[-1]), initializer="random_normal", name="centres"
        )
        self.widths = self.add_weight(
            shape=(self.units,),
            initializer=keras.initializers.RandomNormal(0.0, 0.5),
            constraint=keras.constraints.NonNeg(),
            name="widths",
        )

    def call(self, x):
        distance = ops.sum(ops.square(ops.expand_dims(x, 1) - self.centres), axis=-1)
        return ops.exp(-distance / ops.square(self.widths))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, layers.Dense(1)(Bumps(10, name="bumps")(inputs)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
