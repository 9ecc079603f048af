# https://github.com/keras-team/keras/issues/16682
import keras
import numpy as np
from keras import layers, ops
from keras.regularizers import Regularizer


class OrthogonalRegularizer(Regularizer):
    def __init__(self, factor=0.01):
        self.factor = factor

    def __call__(self, w):
        product = ops.matmul(ops.transpose(w), w)
        size = w.shape[1]
        product_no_diagonal = product * (1.0 - ops.eye(size, dtype=w.dtype))
        return self.factor * ops.sum(product_no_diagonal)

    def get_config(self):
        return {"factor": self.factor}


def make_model():
    keras.utils.set_random_seed(11)
    inp = keras.Input((20,))
    z = layers.Dense(
        8, use_bias=False, kernel_regularizer=OrthogonalRegularizer(0.5), name="encoder"
    )(inp)
    out = layers.Dense(20, name="decoder")(z)
    ae = keras.Model(inp, out)
    ae.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
    return ae


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(1).normal(size=(6, 20)) / 3
    x = (rng.normal(size=(128, 6)) @ basis).astype("float32")
    return x, x
