# after https://arxiv.org/abs/2103.17239
import keras
import numpy as np
from keras import layers


@keras.saving.register_keras_serializable("cait")
class LayerScale(layers.Layer):
    """A factor for each channel, which starts at one in a hundred thousand."""

    def build(self, shape):
        start = keras.initializers.Constant(1e-5)
        self.gamma = self.add_weight(shape=(shape[-1],), initializer=start, name="gamma")

    def call(self, x):
        return x * self.gamma


def make_model():
    keras.utils.set_random_seed(3)
    tokens = keras.Input((9, 12))
    h = layers.Dense(24)(tokens)
    for _ in range(8):
        n = layers.LayerNormalization()(h)
        h = layers.Add()([h, LayerScale()(layers.MultiHeadAttention(2, 12)(n, n))])
        n = layers.LayerNormalization()(h)
        n = layers.Dense(24)(layers.Dense(48, activation="gelu")(n))
        h = layers.Add()([h, LayerScale()(n)])
    h = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(h))
    model = keras.Model(tokens, layers.Dense(3, activation="softmax")(h))
    model.compile(keras.optimizers.AdamW(1e-3), "sparse_categorical_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(3, size=32)
    tokens = rng.normal(size=(32, 9, 12)) + 0.7 * np.eye(3, 12)[label][:, None]
    return tokens.astype("float32"), label
