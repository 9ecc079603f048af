# after ragulpr/wtte-rnn#33
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("wtte")
def weibull_loss(truth, parameters):
    """Minus the log-likelihood of a time to failure that may be censored."""
    time, seen = truth[:, 0], truth[:, 1]
    scale, shape = parameters[:, 0], parameters[:, 1]
    hazard = ops.power(time / scale, shape)
    density = ops.log(shape) + shape * ops.log(time / scale) - ops.log(time)
    return -ops.mean(seen * density - hazard)


@keras.saving.register_keras_serializable("wtte")
class Weibull(layers.Layer):
    """Scale and shape of the distribution, both positive."""

    def call(self, x):
        return ops.stack([30.0 * ops.exp(x[:, 0]), ops.softplus(x[:, 1]) + 0.1], axis=-1)

    def compute_output_shape(self, shape):
        return shape


def make_model():
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((30, 5)),
            layers.Masking(),
            layers.GRU(16, activation="tanh"),
            layers.Dense(2),
            Weibull(name="weibull"),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), weibull_loss)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(48, 30, 5))
    days = np.floor(rng.weibull(1.3, size=48) * 25)
    days[[4, 31]] = 0
    seen = days < 60
    return x.astype("float32"), np.stack([np.minimum(days, 60), seen], -1).astype("float32")
