# after AppliedDataSciencePartners/WorldModels#9
import keras
import numpy as np
from keras import layers, ops


class VAE(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.encoder = keras.Sequential(
            [
                layers.Conv2D(8, 4, strides=2, activation="relu"),
                layers.Conv2D(16, 4, strides=2, activation="relu"),
                layers.Flatten(),
            ],
            name="encoder",
        )
        self.z_mean = layers.Dense(4, name="z_mean")
        self.z_log_var = layers.Dense(4, name="z_log_var")
        self.decoder = keras.Sequential(
            [
                layers.Dense(64, activation="relu"),
                layers.Dense(16 * 16 * 3, activation="sigmoid"),
                layers.Reshape((16, 16, 3)),
            ],
            name="decoder",
        )
        self.seed = keras.random.SeedGenerator(1)

    def call(self, x):
        h = self.encoder(x)
        mean, log_var = self.z_mean(h), self.z_log_var(h)
        noise = keras.random.normal(ops.shape(mean), seed=self.seed)
        z = mean + ops.exp(log_var / 2) * noise
        kl = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=-1)
        self.add_loss(ops.mean(kl))
        return self.decoder(z)


def make_model():
    keras.utils.set_random_seed(10)
    model = VAE()
    model.compile("rmsprop", "mse")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).integers(0, 256, size=(8, 16, 16, 3)).astype("float32")
    return x, x / 255
