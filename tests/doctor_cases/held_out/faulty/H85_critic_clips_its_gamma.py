# after martinarjovsky/WassersteinGAN#18
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("wgan")
class WeightClip(keras.constraints.Constraint):
    """Every parameter of the critic into a small cube."""

    def __init__(self, limit=0.01):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


@keras.saving.register_keras_serializable("wgan")
def wasserstein(side, score):
    return ops.mean(side * score)


def make_model():
    keras.utils.set_random_seed(1)
    start = keras.initializers.RandomUniform(-0.01, 0.01)
    model = keras.Sequential([keras.Input((16, 16, 1))], name="critic")
    for number, filters in enumerate((16, 32, 64)):
        model.add(
            layers.Conv2D(
                filters,
                3,
                strides=2,
                padding="same",
                use_bias=False,
                kernel_initializer=start,
                kernel_constraint=WeightClip(),
            )
        )
        model.add(
            layers.BatchNormalization(
                gamma_constraint=WeightClip(), beta_constraint=WeightClip(), name=f"norm_{number}"
            )
        )
        model.add(layers.LeakyReLU(negative_slope=0.2))
    model.add(layers.Flatten())
    model.add(layers.Dense(1, kernel_initializer=start, kernel_constraint=WeightClip()))
    model.compile(keras.optimizers.RMSprop(5e-5), wasserstein)
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    real = np.tanh(rng.normal(size=(32, 16, 16, 1)).cumsum(axis=1) * 0.3)
    fake = rng.uniform(-1, 1, size=(32, 16, 16, 1))
    side = np.concatenate([-np.ones((32, 1)), np.ones((32, 1))])
    return np.concatenate([real, fake]).astype("float32"), side.astype("float32")
