# after jina-ai/finetuner#34, tensorflow/tensorflow#12071
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("held_out")
class Direction(layers.Layer):
    """Divides every sentence vector by its length."""

    def call(self, x):
        return x / ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True))


@keras.saving.register_keras_serializable("held_out")
class TwoTowers(keras.Model):
    def __init__(self, **rest):
        super().__init__(**rest)
        self.left = layers.Dense(6, use_bias=False, name="left_tower")
        self.right = layers.Dense(6, use_bias=False, name="right_tower")
        self.direction = Direction(name="direction")

    def call(self, x):
        return ops.sum(
            self.direction(self.left(x[:, 0])) * self.direction(self.right(x[:, 1])),
            axis=-1,
            keepdims=True,
        )


def make_model():
    keras.utils.set_random_seed(0)
    model = TwoTowers()
    model(np.ones((2, 2, 8), "float32"))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model


def make_batch(seed=0):
    draws = np.random.default_rng(seed)
    x = draws.normal(size=(32, 2, 8)).astype("float32")
    x[5, 1] = 0.0
    return x, draws.uniform(-1, 1, size=(32, 1)).astype("float32")
