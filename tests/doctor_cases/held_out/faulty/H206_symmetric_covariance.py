"""Innovation covariance of a radar tracker, learnt by maximum likelihood."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="tracking")
class CovarianceMatrix(keras.constraints.Constraint):
    def __call__(self, w):
        return 0.5 * (w + ops.transpose(w))


@keras.saving.register_keras_serializable(package="tracking")
class Whitening(keras.layers.Layer):
    """Whitens innovations by the Cholesky factor; last column is half the log-determinant."""

    def build(self, input_shape):
        n = input_shape[-1]
        self.cov = self.add_weight(
            shape=(n, n), initializer="identity", constraint=CovarianceMatrix(), name="cov"
        )

    def call(self, innovation):
        chol = ops.cholesky(self.cov)
        white = ops.transpose(ops.solve_triangular(chol, ops.transpose(innovation), lower=True))
        half_logdet = ops.sum(ops.log(ops.diagonal(chol)))
        return ops.concatenate([white, ops.zeros_like(white[:, :1]) + half_logdet], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], input_shape[-1] + 1)


@keras.saving.register_keras_serializable(package="tracking")
def innovation_nll(y_true, y_pred):
    return 0.5 * ops.sum(ops.square(y_pred[:, :-1]), axis=-1) + y_pred[:, -1]


def make_model():
    keras.utils.set_random_seed(7)
    innovation = keras.Input((4,), name="innovation")
    model = keras.Model(innovation, Whitening(name="whitening")(innovation), name="tracker_noise")
    model.compile(optimizer=keras.optimizers.Adam(2e-2), loss=innovation_nll)
    return model


def make_batch():
    rng = np.random.default_rng(13)
    common = rng.normal(size=(256, 1))
    x = 0.9 * common + 0.07 * rng.normal(size=(256, 4))
    return x.astype("float32"), np.zeros((256, 5), "float32")
