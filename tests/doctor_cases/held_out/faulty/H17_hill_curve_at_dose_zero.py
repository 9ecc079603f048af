# after tensorflow/mesh#6, keras-team/keras#15600
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Hill(layers.Layer):
    """Dose and response: x^n / (k^n + x^n), with n and k learnt."""

    def build(self, shape):
        self.n = self.add_weight(
            shape=(shape[-1],), initializer="ones", constraint="non_neg", name="exponent"
        )
        self.k = self.add_weight(
            shape=(shape[-1],), initializer="ones", constraint="non_neg", name="half"
        )

    def call(self, dose):
        power = ops.exp(self.n * ops.log(dose))
        return power / (ops.power(self.k, self.n) + power)


def make_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), Hill(name="hill"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    dose = np.random.default_rng(seed).choice([0.0, 0.5, 1.0, 2.0, 4.0], (60, 3)).astype("float32")
    return dose, (dose[:, :1] ** 2 / (4 + dose[:, :1] ** 2)).astype("float32")
