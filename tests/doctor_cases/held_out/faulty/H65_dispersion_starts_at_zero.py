# after theislab/dca
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("counts")
class NegativeBinomial(layers.Layer):
    """Adds the likelihood of the counts, with one dispersion for each gene."""

    def build(self, shapes):
        self.dispersion = self.add_weight(
            shape=(shapes[0][-1],),
            initializer="zeros",
            constraint=keras.constraints.NonNeg(),
            name="dispersion",
        )

    def call(self, inputs):
        mean, counts = inputs
        theta = self.dispersion
        odds = (
            theta * ops.log(theta)
            - (theta + counts) * ops.log(theta + mean)
            + counts * ops.log(mean)
        )
        self.add_loss(-ops.mean(odds))
        return mean


def make_model():
    keras.utils.set_random_seed(0)
    counts = keras.Input((25,))
    h = layers.Dense(8, activation="relu", name="code")(counts)
    mean = layers.Dense(25, activation="softplus", name="mean")(h)
    model = keras.Model(counts, NegativeBinomial(name="counts")([mean, counts]))
    model.compile(keras.optimizers.Adam(1e-3), "mae")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).negative_binomial(2, 0.5, size=(32, 25)).astype("float32")
    return x, x
