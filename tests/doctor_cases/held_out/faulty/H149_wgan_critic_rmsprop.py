# after https://github.com/keras-team/keras-contrib/pull/16
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("wgan")
def wasserstein(y_true, y_pred):
    return ops.mean(ops.cast(y_true, y_pred.dtype) * y_pred)


def make_model():
    keras.utils.set_random_seed(0)
    critic = keras.Sequential(
        [
            keras.Input((10,)),
            layers.Dense(64, name="critic_1"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dense(64, name="critic_2"),
            layers.LeakyReLU(negative_slope=0.2),
            layers.Dense(1, name="score"),
        ]
    )
    critic.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.002, clipvalue=0.05), loss=wasserstein
    )
    return critic


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(800, 10)) @ np.diag(np.linspace(0.5, 1.5, 10)) + 0.5
    fake = rng.normal(size=(800, 10))
    x = np.concatenate([real, fake])
    y = np.concatenate([-np.ones((800, 1)), np.ones((800, 1))])
    p = rng.permutation(1600)
    return x[p].astype("float32"), y[p].astype("float32")
