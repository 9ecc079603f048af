# after keras-team/keras#6926
import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("tags")
class Threshold(layers.Layer):
    """One where a score reaches a threshold that is learnt for each tag, else zero."""

    def build(self, input_shape):
        self.threshold = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(0.2),
            name="threshold",
        )

    def call(self, scores):
        reached = ops.greater_equal(scores, self.threshold)
        return ops.where(reached, ops.ones_like(scores), ops.zeros_like(scores))


def make_model():
    keras.utils.set_random_seed(10)
    x = keras.Input((40,))
    h = layers.Dense(32, activation="tanh")(x)
    scores = layers.Dense(17, activation="sigmoid", name="scores")(h)
    tags = Threshold(name="decide")(scores)
    both = layers.Concatenate()([tags, x])
    model = keras.Model(x, layers.Dense(17, activation="sigmoid", name="merge")(both))
    model.compile("adam", "binary_crossentropy")
    return model


def make_batch(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(64, 40)).astype("float32")
    return x, (x[:, :17] * x[:, 17:34] > 0.3).astype("float32")
