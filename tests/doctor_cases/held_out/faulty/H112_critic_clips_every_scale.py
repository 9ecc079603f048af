# after https://apxml.com/courses/generative-adversarial-networks-gans/chapter-3-gan-training-stabilization/wgan-weight-clipping
import keras
import numpy as np
from keras import layers, ops


class ClipConstraint(keras.constraints.Constraint):
    def __init__(self, clip_value):
        self.clip_value = clip_value

    def __call__(self, weights):
        return ops.clip(weights, -self.clip_value, self.clip_value)

    def get_config(self):
        return {"clip_value": self.clip_value}


def wasserstein_loss(y_true, y_pred):
    return ops.mean(y_true * y_pred)


def make_model(mended=False):
    keras.utils.set_random_seed(5)
    const = ClipConstraint(0.01)
    gamma = None if mended else const
    normal = keras.initializers.RandomNormal(stddev=0.02)
    model = keras.Sequential([keras.Input((16, 16, 1))])
    for k, filters in enumerate((16, 32, 32)):
        model.add(
            layers.Conv2D(
                filters,
                4,
                strides=2,
                padding="same",
                kernel_initializer=normal,
                kernel_constraint=const,
                name=f"conv{k}",
            )
        )
        model.add(layers.BatchNormalization(gamma_constraint=gamma, name=f"bn{k}"))
        model.add(layers.LeakyReLU(0.2))
    model.add(layers.Flatten())
    model.add(layers.Dense(1, kernel_constraint=const, name="score"))
    model.compile(keras.optimizers.RMSprop(5e-4), wasserstein_loss)
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    g = np.exp(-((np.arange(16) - 8)[:, None] ** 2 + (np.arange(16) - 8) ** 2) / 12)
    real = 2 * g[None] * r.uniform(0.7, 1, (64, 1, 1)) - 1 + r.normal(0, 0.05, (64, 16, 16))
    fake = np.tanh(r.normal(0, 0.6, (64, 16, 16)))
    x = np.concatenate([real, fake])[..., None]
    y = np.concatenate([-np.ones(64), np.ones(64)])[:, None]
    return x.astype("float32"), y.astype("float32")
