# after https://arxiv.org/abs/1505.00387
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("highway")
class Highway(layers.Layer):
    """Carries its input on, and lets a little of a transformed one in."""

    def build(self, shape):
        self.transform = layers.Dense(shape[-1], activation="relu")
        self.gate = layers.Dense(
            shape[-1], "sigmoid", bias_initializer=keras.initializers.Constant(-2.0)
        )
        self.transform.build(shape)
        self.gate.build(shape)

    def call(self, x):
        gate = self.gate(x)
        return gate * self.transform(x) + (1.0 - gate) * x


def make_model():
    keras.utils.set_random_seed(3)
    x = keras.Input((16,))
    h = layers.Dense(24, activation="relu")(x)
    for _ in range(6):
        h = Highway()(h)
    model = keras.Model(x, layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 16)).astype("float32")
    return x, np.argmax(x[:, :3], axis=1)
