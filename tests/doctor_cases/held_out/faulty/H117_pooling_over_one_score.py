# after PetrochukM/PyTorch-NLP#2, phanideepgampa/stacked-capsule-networks#5
import keras
import numpy as np
from keras import layers, ops


class AttentionPooling(layers.Layer):
    def __init__(self, units, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.project = layers.Dense(units, activation="tanh", name="project")
        self.score = layers.Dense(1, use_bias=False, name="score")

    def build(self, shape):
        self.project.build(shape)
        self.score.build((*shape[:-1], self.project.units))

    def call(self, h):
        alpha = ops.softmax(self.score(self.project(h)), axis=self.axis)
        return ops.sum(alpha * h, axis=1)


def make_model(mended=False):
    keras.utils.set_random_seed(10)
    inputs = keras.Input((40,), dtype="int32")
    h = layers.Embedding(300, 24, name="words")(inputs)
    h = layers.Bidirectional(layers.GRU(16, return_sequences=True), name="encoder")(h)
    h = AttentionPooling(32, axis=1 if mended else -1, name="attention")(h)
    h = layers.Dropout(0.2)(h)
    model = keras.Model(inputs, layers.Dense(4, activation="softmax", name="topic")(h))
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    r = np.random.default_rng(seed)
    x = r.integers(10, 300, (128, 40))
    y = r.integers(0, 4, 128)
    x[np.arange(128), r.integers(0, 40, 128)] = y
    return x.astype("int32"), y.astype("int32")
