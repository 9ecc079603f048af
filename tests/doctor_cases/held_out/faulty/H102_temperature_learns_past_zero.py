# after https://arxiv.org/abs/2004.11362
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("prototypes")
class Prototypes(layers.Layer):
    """Cosines to a prototype for each class, divided by a temperature that is learnt."""

    def __init__(self, classes, **kwargs):
        super().__init__(**kwargs)
        self.classes = classes

    def build(self, shape):
        self.prototypes = self.add_weight(shape=(shape[-1], self.classes), name="prototypes")
        start = keras.initializers.Constant(0.3)
        self.temperature = self.add_weight(shape=(), initializer=start, name="temperature")

    def call(self, x):
        cosine = ops.matmul(ops.normalize(x, axis=-1), ops.normalize(self.prototypes, axis=0))
        return ops.softmax(cosine / self.temperature)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes}


def make_model():
    keras.utils.set_random_seed(7)
    x = keras.Input((32,))
    h = layers.Dense(48, activation="gelu")(x)
    h = layers.Dense(24)(h)
    model = keras.Model(x, Prototypes(6, name="cosines")(h))
    model.compile(keras.optimizers.Adam(0.03), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(6, size=96)
    return (rng.normal(size=(96, 32)) + 1.5 * np.eye(6, 32)[label]).astype("float32"), label
