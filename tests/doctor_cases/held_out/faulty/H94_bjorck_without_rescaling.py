# after deel-ai/deel-torchlip#43
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("lipschitz")
class Orthonormal(keras.constraints.Constraint):
    """The nearest matrix with orthonormal columns, by the iteration of Björck."""

    def __init__(self, steps=15, beta=0.5):
        self.steps, self.beta = steps, beta

    def __call__(self, w):
        for _ in range(self.steps):
            w = (1 + self.beta) * w - self.beta * ops.matmul(w, ops.matmul(ops.transpose(w), w))
        return w

    def get_config(self):
        return {"steps": self.steps, "beta": self.beta}


@keras.saving.register_keras_serializable("lipschitz")
def group_sort(x):
    pairs = ops.sort(ops.reshape(x, (-1, x.shape[-1] // 2, 2)), axis=-1)
    return ops.reshape(pairs, (-1, x.shape[-1]))


def make_model():
    keras.utils.set_random_seed(11)
    model = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(20, activation=group_sort, kernel_constraint=Orthonormal()),
            layers.Dense(96, activation=group_sort),
            layers.Dense(
                96,
                activation=group_sort,
                kernel_initializer="he_normal",
                kernel_constraint=Orthonormal(),
                name="wide",
            ),
            layers.Dense(1, kernel_constraint=keras.constraints.UnitNorm()),
        ]
    )
    model.compile("adam", keras.losses.Hinge())
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 20)).astype("float32")
    return x, np.sign(x[:, :1] + x[:, 1:2] ** 2 - 1).astype("float32")
