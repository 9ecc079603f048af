# after pytorch/examples#824
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("vae")
class Sample(layers.Layer):
    """Draws a code, and adds the divergence of its distribution from the standard normal one."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator(5)

    def call(self, inputs):
        mean, log_variance = inputs
        divergence = 0.5 * ops.sum(
            1 + log_variance - ops.square(mean) - ops.exp(log_variance), axis=-1
        )
        self.add_loss(ops.mean(divergence))
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(0.5 * log_variance) * noise


def make_model():
    keras.utils.set_random_seed(2)
    x = keras.Input((42,))
    h = layers.Dense(32, activation="relu")(x)
    mean = layers.Dense(4, name="mean")(h)
    log_variance = layers.Dense(4, name="log_variance")(h)
    code = Sample(name="sample")([mean, log_variance])
    h = layers.Dense(32, activation="relu")(code)
    model = keras.Model(x, layers.Dense(42, activation="sigmoid")(h))
    model.compile(keras.optimizers.Adam(2e-3), "binary_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    code = rng.normal(size=(128, 3))
    x = 1 / (1 + np.exp(-code @ rng.normal(size=(3, 42))))
    return x.astype("float32"), x.astype("float32")
