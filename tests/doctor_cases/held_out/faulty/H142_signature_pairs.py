# after https://github.com/keras-team/keras/issues/9097
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("pairs")
class EuclideanDistance(layers.Layer):
    def call(self, inputs):
        a, b = inputs
        return ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True))


@keras.saving.register_keras_serializable("pairs")
def contrastive_loss(y_true, y_pred):
    y_true = ops.cast(y_true, y_pred.dtype)
    return ops.mean(
        y_true * ops.square(y_pred) + (1 - y_true) * ops.square(ops.maximum(1.0 - y_pred, 0.0))
    )


def make_model():
    keras.utils.set_random_seed(5)
    encoder = keras.Sequential(
        [
            keras.Input((20,)),
            layers.Dense(
                32,
                activation="tanh",
                kernel_constraint=keras.constraints.UnitNorm(axis=0),
                name="strokes",
            ),
            layers.Dense(8, kernel_constraint=keras.constraints.UnitNorm(axis=0), name="embedding"),
        ],
        name="encoder",
    )
    pair = keras.Input((2, 20))
    left, right = pair[:, 0], pair[:, 1]
    dist = EuclideanDistance(name="distance")([encoder(left), encoder(right)])
    model = keras.Model(pair, dist)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=contrastive_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    writers = rng.normal(size=(30, 20))
    specimens = writers[:, None, :] + 0.2 * rng.normal(size=(30, 6, 20))
    y = rng.integers(0, 2, size=(800, 1))
    wa = rng.integers(0, 30, size=800)
    wb = np.where(y[:, 0] == 1, wa, (wa + rng.integers(1, 30, size=800)) % 30)
    ia, ib = rng.integers(0, 6, size=800), rng.integers(0, 6, size=800)
    x = np.stack([specimens[wa, ia], specimens[wb, ib]], axis=1)
    return x.astype("float32"), y.astype("float32")
