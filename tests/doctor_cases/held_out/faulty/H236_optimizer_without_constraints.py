"""Factor model with unit-length loadings, trained with our own normalised-gradient optimizer."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("factors")
class NormalisedSGD(keras.optimizers.Optimizer):
    def apply(self, grads, trainable_variables=None):
        if trainable_variables is None:
            variables = self._trainable_variables
        else:
            variables = list(trainable_variables)
            if not self.built:
                self.build(variables)
        for g, v in zip(grads, variables, strict=True):
            if g is not None:
                v.assign(v - self.learning_rate * g / (ops.norm(g) + 1e-6))
        self.iterations.assign_add(1)


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential(
        [
            keras.Input((10,)),
            keras.layers.Dense(
                4,
                use_bias=False,
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="loadings",
            ),
            keras.layers.Dense(1, name="out"),
        ]
    )
    k = m.get_layer("loadings").kernel
    k.assign(k.constraint(k))
    m.compile(NormalisedSGD(learning_rate=0.05), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 10)).astype("float32")
    y = (3 * x[:, :1] + 2 * x[:, 1:2]).astype("float32")
    return x, y
