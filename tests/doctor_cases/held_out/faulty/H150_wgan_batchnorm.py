# after https://github.com/martinarjovsky/WassersteinGAN/issues/32
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("wganbn")
class WeightClip(keras.constraints.Constraint):
    def __init__(self, c=0.01):
        self.c = c

    def __call__(self, w):
        return ops.clip(ops.convert_to_tensor(w), -self.c, self.c)

    def get_config(self):
        return {"c": self.c}


@keras.saving.register_keras_serializable("wganbn")
def wasserstein(y_true, y_pred):
    return ops.mean(ops.cast(y_true, y_pred.dtype) * y_pred)


def block(x, units, name):
    x = layers.Dense(units, use_bias=False, kernel_constraint=WeightClip(), name=name)(x)
    x = layers.BatchNormalization(
        gamma_constraint=WeightClip(), beta_constraint=WeightClip(), name=name + "_bn"
    )(x)
    return layers.LeakyReLU(negative_slope=0.2)(x)


def make_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12,))
    x = block(inputs, 64, "critic_1")
    x = block(x, 64, "critic_2")
    score = layers.Dense(1, kernel_constraint=WeightClip(), name="score")(x)
    critic = keras.Model(inputs, score)
    critic.compile(optimizer=keras.optimizers.RMSprop(1e-3), loss=wasserstein)
    return critic


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(800, 12)) + np.linspace(-1, 1, 12)
    fake = rng.normal(size=(800, 12))
    x = np.concatenate([real, fake])
    y = np.concatenate([-np.ones((800, 1)), np.ones((800, 1))])
    p = rng.permutation(1600)
    return x[p].astype("float32"), y[p].astype("float32")
