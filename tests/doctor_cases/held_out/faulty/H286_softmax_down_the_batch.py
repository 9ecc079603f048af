"""Documents read by attention over their sentences, with the softmax along the first axis."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("h286")
class Attend(layers.Layer):
    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.look = self.add_weight(
            shape=(shape[-1], self.units),
            initializer="glorot_uniform",
            constraint=keras.constraints.MaxNorm(2.0),
            name="look",
        )
        self.ask = self.add_weight(shape=(self.units,), initializer="random_normal", name="ask")

    def call(self, sentences):
        score = ops.matmul(ops.tanh(ops.matmul(sentences, self.look)), ops.expand_dims(self.ask, 1))
        weight = ops.softmax(score, axis=0)
        return ops.sum(weight * sentences, axis=1)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def make_model():
    keras.utils.set_random_seed(3)
    text = keras.Input((9, 8), name="text")
    read = Attend(16, name="attend")(text)
    model = keras.Model(text, layers.Dense(3, activation="softmax", name="topic")(read))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(96, 9, 8)).astype("float32")
    y = r.integers(0, 3, 96)
    x[np.arange(96), r.integers(0, 9, 96), y] += 4.0
    return x, y
