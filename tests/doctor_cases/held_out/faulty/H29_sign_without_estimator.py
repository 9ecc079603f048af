# after layog/Accurate-Binary-Convolution-Network#6, MatthieuCourbariaux/BinaryConnect#7
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class BinaryConv(layers.Layer):
    def build(self, shape):
        self.latent = self.add_weight(
            shape=(3, 3, shape[-1], 8),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(5.0, axis=[0, 1, 2]),
            name="latent",
        )

    def call(self, x):
        return ops.conv(x, ops.sign(self.latent), padding="same") / 5.0


def make_model():
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3))
    h = layers.ReLU()(layers.BatchNormalization()(BinaryConv(name="binary")(image)))
    model = keras.Model(image, layers.Dense(1)(layers.GlobalAveragePooling2D()(h)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(16, 8, 8, 3)).astype("float32")
    y = x.mean(axis=(1, 2))[:, :1].astype("float32") * 4
    return x, y
