# after dreamquark-ai/tabnet
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tabular")
class AttentiveMask(layers.Layer):
    """A sparse share for each feature, and the entropy of the shares as a loss."""

    def __init__(self, strength=1e-3, epsilon=1e-15, **kwargs):
        super().__init__(**kwargs)
        self.strength, self.epsilon = strength, epsilon

    def build(self, shape):
        self.kernel = self.add_weight(
            shape=(shape[-1], shape[-1]), initializer="glorot_uniform", name="kernel"
        )

    def call(self, x):
        z = ops.matmul(x, self.kernel)
        shares = ops.relu(z - ops.max(z, axis=-1, keepdims=True) + 1.0)
        shares = shares / ops.sum(shares, axis=-1, keepdims=True)
        entropy = ops.mean(ops.sum(-shares * ops.log(shares + self.epsilon), axis=1))
        self.add_loss(self.strength * ops.cast(entropy, "float32"))
        return x * shares

    def get_config(self):
        return {**super().get_config(), "strength": self.strength, "epsilon": self.epsilon}


def make_model():
    keras.utils.set_random_seed(0)
    x = keras.Input((14,))
    h = AttentiveMask(dtype="mixed_float16", name="mask")(x)
    h = layers.Dense(32, activation="relu", name="decision")(h)
    model = keras.Model(x, layers.Dense(1, activation="sigmoid", name="probability")(h))
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    return model


def make_batch(seed=0):
    x = np.random.default_rng(seed).normal(size=(64, 14)).astype("float32")
    return x, (x[:, :1] + x[:, 3:4] > 0).astype("float32")
