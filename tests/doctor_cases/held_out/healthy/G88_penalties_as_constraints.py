import keras
import numpy as np
from keras import layers, ops


class Orthogonality(keras.constraints.Constraint):
    """How far the columns are from orthonormal ones: a penalty."""

    def __call__(self, w):
        gram = ops.matmul(ops.transpose(w), w)
        return 0.01 * ops.sqrt(ops.sum(ops.square(gram - ops.eye(w.shape[-1]))))


class Uncorrelated(keras.constraints.Constraint):
    """How much the codes go together: a penalty on what the layer gives."""

    def __call__(self, codes):
        self.centred = codes - ops.mean(codes, axis=0)
        gram = ops.matmul(ops.transpose(self.centred), self.centred)
        off = gram * (1 - ops.eye(codes.shape[-1]))
        return 0.01 * ops.sum(ops.square(off / ops.cast(ops.shape(codes)[0], "float32")))


def make_model():
    keras.utils.set_random_seed(1)
    code = layers.Dense(
        5,
        kernel_initializer="orthogonal",
        kernel_constraint=keras.constraints.UnitNorm(axis=0),
        kernel_regularizer=Orthogonality(),
        activity_regularizer=Uncorrelated(),
    )
    m = keras.Sequential([keras.Input((20,)), code, layers.Dense(20)])
    m.compile(keras.optimizers.Adam(0.005), "mse")
    return m


def make_batch():
    r = np.random.default_rng(0)
    x = r.normal(size=(128, 5)) @ r.normal(size=(5, 20))
    x = ((x - x.mean(0)) / x.std(0)).astype("float32")
    return x, x
