# adapted from tensorflow/tensorflow#14202, bayesflow-org/bayesflow#469
import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable("case21")
class GaussNLL(keras.layers.Layer):
    def build(self, s):
        self.a = self.add_weight(
            shape=(s[-1], s[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="cov",
        )

    def call(self, x):
        chol = ops.cholesky(0.5 * (self.a + ops.transpose(self.a)))
        z = ops.solve_triangular(chol, ops.transpose(x), lower=True)
        return ops.expand_dims(0.5 * ops.sum(ops.square(z), axis=0), -1) + ops.sum(
            ops.log(ops.diagonal(chol))
        )


def make_model():
    keras.utils.set_random_seed(0)
    m = keras.Sequential([keras.Input((8,)), GaussNLL(name="mvn")])
    m.compile(keras.optimizers.SGD(0.01), "mse")
    return m


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(64, 8)).astype("float32")
    y = (x[:, :1] * 0.7 - 0.4 * x[:, 1:2]).astype("float32")
    return x, y
