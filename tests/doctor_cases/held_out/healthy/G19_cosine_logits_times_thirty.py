# after ronghuaiyang/arcface-pytorch#68
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("faces")
class CosineLogits(layers.Layer):
    def __init__(self, classes=6, scale=30.0, **kwargs):
        super().__init__(**kwargs)
        self.classes, self.scale = classes, scale

    def build(self, shape):
        self.centers = self.add_weight(
            shape=(shape[-1], self.classes), initializer="orthogonal", name="centers"
        )

    def call(self, x):
        x = x / (ops.norm(x, axis=-1, keepdims=True) + 1e-6)
        w = self.centers / (ops.norm(self.centers, axis=0, keepdims=True) + 1e-6)
        return self.scale * ops.matmul(x, w)

    def get_config(self):
        return {**super().get_config(), "classes": self.classes, "scale": self.scale}


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((20,))
    h = layers.Dense(32, activation="gelu", name="features")(x)
    h = layers.Dense(12, name="code")(h)
    model = keras.Model(x, CosineLogits(name="cosine")(h))
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    y = draws.integers(0, 6, 48)
    return (draws.normal(size=(48, 20)) + np.eye(20)[y] * 2).astype("float32"), y.astype("int32")
